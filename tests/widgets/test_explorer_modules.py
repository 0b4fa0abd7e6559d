"""The explorer's modules: short, joined without clashes, and as its formatter and linter want them."""

import json
import re
import shutil
import subprocess
from collections import Counter

import pytest

from widgets.explorer import FOLDER, joined, page, style

WIDGETS = FOLDER.parent
LONGEST = 350  # lines of a module
HOMES = ("page", "widget", "painter", "landmarks", "upload")


def test_modules_are_short_and_each_is_part_of_a_home():
    names = {path.stem for path in FOLDER.glob("*.js")}
    for path in (*FOLDER.glob("*.js"), *FOLDER.glob("*.css")):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST, path.name
    first_lines = {path.stem: path.read_text(encoding="utf-8").splitlines()[0] for path in FOLDER.glob("*.js")}
    joint = "".join(joined(home) for home in HOMES)
    assert {name for name in names if first_lines[name] not in joint} == set()


def test_the_join_has_every_module_once_after_what_it_needs_and_no_name_twice():
    for home in HOMES:
        text = joined(home)
        assert not re.search(r"^(import|export (?!default))", text, re.MULTILINE)
        heads = re.findall(r"^(?:async )?(?:function\*?|class|const|let) (?:\[([^\]]*)\]|(\w+))", text, re.MULTILINE)
        names = Counter(name.strip() for many, one in heads for name in (many or one).split(","))
        assert max(names.values()) == 1, [name for name, times in names.items() if times > 1]
        assert "\nfunction render(" in text or "await mount(" in text
    assert joined("page").index("\nclass Adam") < joined("page").index("\nfunction* spreadOut")


def test_the_join_takes_imports_over_many_lines_and_ends_a_circle(tmp_path, monkeypatch):
    monkeypatch.setattr("widgets.explorer.FOLDER", tmp_path)
    (tmp_path / "one.js").write_text('import {\n  a,\n  b,\n} from "./two.js";\nexport const c = a + b;\nexport default c;\n')
    (tmp_path / "two.js").write_text("export const a = 1; // export stays\nexport const b = 2;\n")
    assert joined("one") == "const a = 1; // export stays\nconst b = 2;\n\nconst c = a + b;\nexport default c;\n"
    (tmp_path / "two.js").write_text('import { c } from "./one.js";\nexport const a = c;\n')
    with pytest.raises(RecursionError):
        joined("one")


def test_a_page_takes_no_name_for_html():
    text = page({"name": "</title></script><script>$x", "more": "</script>"})
    assert text.count("</script>") == 2 and text.count("</title>") == 1 and style() in text


def test_one_package_is_pinned_without_the_address_of_a_registry():
    wanted = json.loads((WIDGETS / "package.json").read_text())["devDependencies"]
    lock = json.loads((WIDGETS / "package-lock.json").read_text())["packages"]
    for name, version in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version) and lock[f"node_modules/{name}"]["version"] == version
    assert not any("resolved" in entry for entry in lock.values())


@pytest.mark.skipif(not (WIDGETS / "node_modules").is_dir(), reason="no Biome here: npm --prefix widgets ci")
def test_the_formatter_and_the_linter_are_content():
    done = subprocess.run([shutil.which("npm"), "--prefix", WIDGETS, "run", "check"], capture_output=True, text=True)
    assert done.returncode == 0 and "warning" not in done.stdout, done.stdout + done.stderr
