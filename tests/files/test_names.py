"""People's names for their files: one rule for folders, unique in a batch, drawn as they are and never parsed."""

import io
import unicodedata
import warnings

import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure
from PIL import Image

from d3f_lite.files import names
from d3f_lite.files.names import caption, folder_name, unique_names
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


def drawn(text):
    """A text drawn as a caption: the PNG, and what matplotlib warned of."""
    figure, stream = Figure(figsize=(4, 0.5)), io.BytesIO()
    words, how = caption(text)
    figure.suptitle(words, **how)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        figure.savefig(stream, format="png")
    return Image.open(stream), [str(warning.message) for warning in told]


@pytest.mark.parametrize("text", ("B$_$", "$\\frac{", "王小明", "हिन्दी", "ภาษาไทย", "한국어 José", "a\nb\udc80", "\U000f0000"))
def test_any_name_can_be_drawn_and_nothing_is_a_box(text):
    picture, told = drawn(text)
    assert not [words for words in told if "missing from" in words] and picture.convert("L").getextrema()[0] < 128


def test_a_font_that_has_the_glyphs_comes_before_a_transliteration(monkeypatch):
    fonts = [entry for entry in font_manager.fontManager.ttflist if entry.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)
    names._fonts_for.cache_clear()
    missing = "Ⓐ"  # matplotlib's STIX fonts have it, DejaVu has not
    assert caption(f"x{missing}")[0] == "xA" and caption("王")[0] == "Wang"
    monkeypatch.undo()
    names._fonts_for.cache_clear()
    words, how = caption(f"x{missing}")
    assert words == f"x{missing}" and any("STIX" in family for family in how["fontfamily"])


def test_a_result_stays_in_its_folder_whoever_named_the_photo(tmp_path):
    assert result_folder(tmp_path / "out", "../B$_$ 王") == tmp_path / "out" / "_B_王"


@pytest.mark.parametrize("name", ("a" * 300 + ".png", "..", "B$_$<img src=x onerror=alert(1)>.png", "", "x/\0y.png"))
def test_a_browser_may_send_a_photo_of_any_name(name):
    content = io.BytesIO()
    Image.fromarray(sample_photo("astronaut").pixels).save(content, "PNG")
    photo = opened(content.getvalue(), name)
    assert photo.shape == (512, 512) and folder_name(photo.name) == photo.name
