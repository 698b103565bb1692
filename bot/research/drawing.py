"""Pictures as SVG that stands inside a page: its lines and words take the page's colour, dark or light."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Told apart by most eyes, and on white as on black (after Okabe and Ito 2008, made lighter or darker where needed).
COLOURS: Final = ("#3b8fd4", "#dd8a1c", "#1f9e77", "#c46ba6", "#d4553f", "#8c8f3c")
INK: Final = "#010203"  # put in place of the page's own colour until the picture is drawn
_CURVE: Final = 1_000  # letters of a path that is no mark, line or bar
_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "validity",  # any word: the same report twice is the same text
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def drawn(name: str, title: str, draw: Callable[[], Figure]) -> str:
    """Return what `draw` draws as an inline picture; `name` is its own within a page, `title` tells it in words."""
    import matplotlib  # half a second: only for a report

    with matplotlib.rc_context(_STYLE):
        return _inline(draw(), name, title)


def clear_background(figure: Figure) -> None:
    """Let the page's own background show through a figure and its panels."""
    figure.patch.set_alpha(0)
    for ax in figure.axes:
        ax.patch.set_alpha(0)


def _inline(figure: Figure, name: str, title: str) -> str:
    """The picture alone, without what only a file needs; its names are made its own, for a page holds many."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = written.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(url\(|href=")#', rf"\g<1>#{name}-", text).replace("xlink:href", "href")
    text = _without_needless_words(text)
    box = re.search(r'viewBox="[^"]*"', text)
    opening = f'<svg role="img" aria-label="{escape(title)}" {box[0] if box else ""}>'
    return f'<div class="wide">{opening}{text[text.index(">") + 1 :].strip()}</div>'


def _without_needless_words(text: str) -> str:
    """Half as long, and looks the same: no comments, no names that nothing refers to, a tenth of a point in curves."""
    text = re.sub(r">\s+<", "><", re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', text))
    kept = re.compile(r"-(axes|legend)_\d+$")  # by which a part of a picture can be found
    text = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used or kept.search(found[1]) else "", text)
    text = re.sub(r'(?<= )(x|y|transform)="[^"]*"', lambda found: _rounded(found[0], 2), text)
    return re.sub(r' d="([^"]*)"', lambda found: f' d="{_path(found[1])}"', text)


def _path(d: str) -> str:
    short = re.sub(r"\s*([A-Za-z])\s*", r"\1", _rounded(d, 1 if len(d) > _CURVE else 3))
    # After M and its point, further points are lines to them.
    return short if re.search("[A-KN-Ya-y]", short) else short.replace("L", " ").strip()


def _rounded(text: str, places: int) -> str:
    return re.sub(r"-?\d+\.\d+", lambda found: f"{round(float(found[0]), places):g}", text)
