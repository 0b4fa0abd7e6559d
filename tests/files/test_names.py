"""People's names for their files: one rule for folders, unique in a batch, drawn as they are and never parsed."""

import io
import unicodedata
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from d3f_lite.files import lettering, names
from d3f_lite.files.lettering import wrapped, write
from d3f_lite.files.names import folder_name, unique_names
from d3f_lite.observation.photo import sample_photo
from d3f_lite.results.provenance import result_folder
from widgets.photo_controls import opened


@pytest.mark.parametrize(
    "text, name",
    [
        ("astronaut", "astronaut"), ("IMG (1)", "IMG_1_"), ("Jose\u0301", "Jos\u00e9"), ("a b.c-d", "a_b.c-d"), ("[]&@#'!", "_"),
        ("B$_$", "B_"), ("../../etc", "_.._etc"), ("...", "photo"), ("", "photo"), ("a.", "a"), (".hidden", "hidden"),
        ("-rf", "rf"), ("CON", "photo_CON"), ("nul.txt", "photo_nul.txt"), ("console", "console"), ("x\udc80\n\x1b[0my", "x_0my"),
        ("हिन्दी", "हिन्दी"), ("ภาษาไทย", "ภาษาไทย"), ("王小明", "王小明"), ("\u0301a", "a"), ("x\u202egnp", "x_gnp"),
        ("a" * 300, "a" * 200), ("é" * 150, "é" * 100), ("字" * 99, "字" * 66),
    ],
)  # fmt: skip
def test_the_name_of_a_folder(text, name):
    assert folder_name(text) == name == unicodedata.normalize("NFC", name)


def test_names_in_a_batch_differ_also_where_case_does_not_count():
    texts = ["me(1)", "me[1]", "ME 1 ", "me_1_2", "a" * 250, "a" * 251, "José", "Jose\u0301", "ß", "ss"]
    found = unique_names(texts)
    assert found[:2] == ["me_1_", "me_1_2"] and len({names.key(name) for name in found}) == len(texts)
    assert max(len(name.encode()) for name in found) <= 200 and [folder_name(name) for name in found] == found


def drawn(text, centred=True):
    """A text drawn on a picture of 400 × 30 px: how dark each pixel is, 0 to 255."""
    picture = Image.new("RGB", (400, 30), "white")
    write(picture, (200 * centred, 4), wrapped(text, 16, 390), 16, centred)
    return 255 - np.asarray(picture.convert("L"))


@pytest.mark.parametrize("text", ("B$_$", "$\\frac{", "王小明", "हिन्दी", "ภาษาไทย", "한국어 José", "a\nb\udc80", "\U000f0000"))
def test_any_name_can_be_drawn_and_nothing_is_a_box(text):
    assert drawn(text).any()
    parts = [(path, character) for path, part in lettering._runs(names.readable(text)) for character in part]
    assert parts and all(lettering._has(*part) for part in parts)


def test_letters_stand_where_they_should_and_long_lines_are_wrapped():
    middle = np.nonzero(drawn("HH").any(0))[0]
    assert abs(middle[[0, -1]].mean() - 199.5) <= 1.5 and np.nonzero(drawn("HH", centred=False).any(0))[0][0] <= 2
    assert 11 <= np.count_nonzero(drawn("H").any(1)) <= 13  # capitals are .73 of 16 px high
    lines = wrapped("likelier than most " * 20, 12, 200)
    assert len(lines) > 5 and " ".join(lines).split() == ("likelier than most " * 20).split()
    assert max(lettering._font(None, 12).getlength(line) for line in lines) <= 220
    assert wrapped("one\ntwo", 12, 200) == ["one", "two"] and len(wrapped("字" * 60, 12, 200)) > 1


def test_a_font_that_has_the_glyphs_comes_before_a_transliteration(monkeypatch):
    words = lambda text: [(path and path.name, part) for path, part in lettering._runs(text)]
    monkeypatch.setattr(lettering, "FONT_FOLDERS", ())
    lettering._fonts_for.cache_clear()
    assert words("xⒶ") == [(None, "xA")] and words("王") == [(None, "Wang")]  # DejaVu has neither
    monkeypatch.setattr(lettering, "FONT_FOLDERS", (str(Path(matplotlib.get_data_path(), "fonts")),))
    lettering._fonts_for.cache_clear()
    (first, plain), (path, circled) = words("xⒶ")
    assert (first, plain, circled) == (None, "x", "Ⓐ") and "STIX" in path
    lettering._fonts_for.cache_clear()


def test_a_result_stays_in_its_folder_whoever_named_the_photo(tmp_path):
    assert result_folder(tmp_path / "out", "../B$_$ 王") == tmp_path / "out" / "_B_王"


@pytest.mark.parametrize("name", ("a" * 300 + ".png", "..", "B$_$<img src=x onerror=alert(1)>.png", "", "x/\0y.png"))
def test_a_browser_may_send_a_photo_of_any_name(name):
    content = io.BytesIO()
    Image.fromarray(sample_photo("astronaut").pixels).save(content, "PNG")
    photo = opened(content.getvalue(), name)
    assert photo.shape == (512, 512) and folder_name(photo.name) == photo.name
