"""Whatever is wrong with what people load: a typed error of one line or a valid object, and nothing else happens."""

import pytest

from hostile import bounded_memory
from hostile_kinds import kinds

KINDS = kinds()


def test_more_than_two_thousand_bad_inputs():
    assert sum(kind.examples for kind in KINDS) >= 2000


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_bad_input_is_refused_or_harmless(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with bounded_memory():
        tally = kind.run(kind.examples)
    assert tally.tried >= kind.examples and tally.refused >= kind.refused * tally.tried
    assert not list(tmp_path.iterdir())
