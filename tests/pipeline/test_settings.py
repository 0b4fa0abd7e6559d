"""Settings: files, ranges, types."""

import tomllib

import pytest

from d3f_lite.errors import SettingsError
from d3f_lite.settings import DiversitySettings, FitSettings, Settings


def test_to_toml_and_back():
    settings = Settings(FitSettings(regional=False, prior_weight=2.0), DiversitySettings(form="iid", noise=0.25))
    assert Settings.from_tables(tomllib.loads(settings.to_toml())) == settings


def test_what_a_file_leaves_out_keeps_its_default(tmp_path):
    (tmp_path / "s.toml").write_text("[diversity]\nnoise = 1\n")
    assert Settings.load(tmp_path / "s.toml") == Settings(diversity=DiversitySettings(noise=1.0))


@pytest.mark.parametrize(
    "text, word",
    [
        ("[fit]\nunknown = 1", "unknown"),
        ("[nothing]\n", "nothing"),
        ("fit = 3", "table"),
        ("[fit]\ncalibrated = 1", "true or false"),
        ("[fit]\nprior_weight = nan", "from"),
        ("[fit]\nprior_weight = -inf", "from"),
        ("[fit]\nphotometric_iterations = 2.5", "whole number"),
        ("[diversity]\nform = 'loud'", "one of"),
        ("[diversity]\ndimensions = 9999999999999999999999", "from"),
        ("not toml at all", "TOML"),
    ],
)
def test_wrong_settings_are_refused(text, word, tmp_path):
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(SettingsError, match=word):
        Settings.load(tmp_path / "s.toml")


def test_settings_made_in_python_are_checked_too():
    with pytest.raises(SettingsError):
        Settings(diversity=DiversitySettings(mass=2.0))


def test_no_such_file(tmp_path):
    with pytest.raises(SettingsError, match="cannot read"):
        Settings.load(tmp_path / "none.toml")
