"""The explorer: heads that follow the sliders, in a browser. Its modules serve notebook, Voilà and a page of its own.

``page.js`` and ``widget.js`` are its two homes, ``explorer.js`` holds its state, and each other module is one thing. What a
module computes has a twin in ``d3f_lite`` by the same name, and a test runs both.
"""

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from string import Template

FOLDER = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)


def joined(name: str) -> str:
    """A module and all that it imports as one text, each module after those that it needs."""
    parts: dict[str, str] = {}

    def add(name):
        if name not in parts:
            text = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
            for needed in IMPORT.findall(text):
                add(needed)
            parts[name] = re.sub(r"^export (?!default)", "", IMPORT.sub("", text), flags=re.MULTILINE)

    add(name)
    return "\n".join(parts.values())


def style() -> str:
    """The explorer's style sheet."""
    return "\n".join((FOLDER / f"{name}.css").read_text(encoding="utf-8") for name in ("style", "stage", "layout"))


def page(data: dict) -> str:
    """One HTML page, which needs nothing else, for what ``d3f_lite.results.explorer_data`` gives."""
    parts = {"style": f"html, body {{ margin: 0; }}\n{style()}", "module": joined("page")}
    # Nothing is loaded or sent, and only what stands here is run, whatever a name or a link holds.
    script, sheet = (f"'sha256-{base64.b64encode(hashlib.sha256(parts[part].encode()).digest()).decode()}'"
                     for part in ("module", "style"))  # fmt: skip
    policy = f"default-src 'none'; script-src {script}; style-src {sheet}; img-src data:; base-uri 'none'; form-action 'none'"
    template = Template((FOLDER / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(f"{data['name']}: heads to explore"),
        policy=policy,
        data=json.dumps(data).replace("<", "\\u003c"),  # no name of a photo ends the script
        **parts,
    )
