"""Raise the version: ``python -m research.bake.version 0.2.0`` changes pyproject.toml and dates the changelog's entry."""

import argparse
import datetime
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def raised(version: str, project: str, changelog: str, today: datetime.date) -> tuple[str, str]:
    """The texts of pyproject.toml and CHANGELOG.md with a new version.

    Args:
        version: three numbers, "0.2.0".
        project, changelog: the texts as they are.
        today: date of the release.

    Returns:
        both texts, changed.

    Raises:
        ValueError: no version, not a higher one, or nothing stands under Unreleased.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ValueError(f"{version} is no version: give three numbers, as in 0.2.0")
    before = re.findall(r'^version = "([\d.]+)"$', project, re.M)[0]
    if _numbers(version) <= _numbers(before):
        raise ValueError(f"{version} is not higher than {before}")
    if re.search(r"^## \[Unreleased\]\s*(## |\Z)", changelog, re.M):
        raise ValueError("nothing stands under Unreleased in the changelog")
    heading = f"## [Unreleased]\n\n## [{version}] - {today.isoformat()}"
    return (
        project.replace(f'version = "{before}"', f'version = "{version}"', 1),
        changelog.replace("## [Unreleased]", heading, 1),
    )


def _numbers(version):
    return [int(number) for number in version.split(".")]


def main():
    """Change both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="the new one, as in 0.2.0")
    paths = ROOT / "pyproject.toml", ROOT / "CHANGELOG.md"
    texts = [path.read_text(encoding="utf-8") for path in paths]
    try:
        texts = raised(parser.parse_args().version, *texts, datetime.date.today())
    except ValueError as error:
        parser.error(str(error))
    for path, text in zip(paths, texts):
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
