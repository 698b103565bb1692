"""Put what a program found out between two marks of a Markdown page, so that the words around it can be a person's."""

from __future__ import annotations

from pathlib import Path


def part(page: Path, mark: str) -> str:
    """Return what stands between `<!-- mark -->` and `<!-- /mark -->`, without blank lines around it.

    Raises:
        ValueError: the page has no such marks.
    """
    _, found, _ = _split(page, mark)
    return found.strip()


def put(page: Path, mark: str, body: str) -> None:
    """Put `body` between the marks, in place of what was there.

    Raises:
        ValueError: the page has no such marks; it is left as it is.
    """
    before, _, after = _split(page, mark)
    page.write_text(f"{before}\n\n{body.strip()}\n\n{after}", encoding="utf-8")


def _split(page: Path, mark: str) -> tuple[str, str, str]:
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, begun, rest = page.read_text(encoding="utf-8").partition(begin)
    found, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"{page} should have the marks {begin} and {end}, had not: nothing was written")
    return before + begin, found, end + after
