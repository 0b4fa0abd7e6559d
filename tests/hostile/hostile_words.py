"""Words that people choose, hostile ones: names of files, and what is printed where the terminal's encoding lacks it."""

import io
import re
import sys
import unicodedata
from contextlib import redirect_stdout

from hypothesis import strategies as st
from PIL import Image

from d3f_lite.command_line import forgiving_output
from d3f_lite.files import names
from d3f_lite.files.lettering import wrapped, write
from d3f_lite.files.names import folder_name

AWKWARD = "()[]{}&@#'!$_%^~\\/:*?\"<>|.- \0\n\r\t\x1b\u0301\u094d\u0e31\u200d\u202e\ufe0f\udc80\u1100\u1161é字ß"
WORDS = st.one_of(st.text(max_size=12), st.text(AWKWARD, max_size=12), st.text(min_size=80, max_size=120).map(lambda text: text * 3),
                  st.sampled_from(("CON", "nul.txt", "$\\frac{", "B$_$", "me(1)", "me[1]", "...", "José", "Jose\u0301")))  # fmt: skip
ENCODINGS = ("ascii", "cp1252", "cp437", "latin-1", "koi8-r", "cp932", "gbk", "big5", "iso2022_jp", "utf-7", "utf-8", "utf-16")


def check_names(found):
    """Fail unless the names are folders' on every file system, and differ on all of them."""
    assert len({names.key(name) for name in found}) == len(found)
    for name in found:
        assert folder_name(name) == name == unicodedata.normalize("NFC", name)
        assert 0 < len(name.encode()) <= 200 and name.isprintable()
        assert (
            not set(name) & set('<>:"/\\|?*% #&')
            and name[0] not in ".-"
            and name[-1] not in ".-"
            and not re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", name, re.IGNORECASE)
        )


def draw(text):
    """The lines of a text on a picture, and the picture."""
    picture, lines = Image.new("RGB", (200, 60), "white"), wrapped(text, 8, 190)
    write(picture, (100, 2), lines, 8)
    return lines, picture


def check_drawn(drawn):
    """Fail unless something is drawn where there are letters or digits."""
    lines, picture = drawn
    assert picture.getextrema()[0][0] < 128 or not any(character.isalnum() for line in lines[:3] for character in line)


def printed(told):
    """What comes out of an (encoding, text) that is printed there, as text again."""
    encoding, text = told
    stream = io.TextIOWrapper(io.BytesIO(), encoding, newline="\n")
    with redirect_stdout(stream), forgiving_output():
        print(text, file=sys.stdout)
    return text, stream.buffer.getvalue().decode(encoding, "replace")


def check_printed(pair):
    """Fail unless a text came out: as it is where it is plain, never longer than its escapes."""
    text, out = pair
    plain = text.isascii() and text.isprintable()
    assert out.endswith("\n") and (not plain or out == text + "\n") and len(out) <= 10 * len(text) + 1


NAMES_OF_A_BATCH = st.lists(WORDS, min_size=1, max_size=6)
ENCODED = st.tuples(st.sampled_from(ENCODINGS), st.one_of(WORDS, st.text(st.characters(), max_size=30)))
