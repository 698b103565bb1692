"""Which name a person means, and the end of every "no such name" message: what was probably meant, or what there is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LISTED = 12  # more names than this do not help in one line


def did_you_mean(name: str, valid: Iterable[str], prefix: str = "") -> str:
    """Say which of `valid` is nearest to `name`, as the end of a sentence that names what was wrong.

    Returns `; did you mean feed.book_every?`, or `; there are a, b, c` when nothing is near, or an empty text when
    `valid` is empty. `prefix` is put before each name that is shown, and plays no part in what is near.
    """
    choices = {choice.lower(): choice for choice in sorted(set(valid), reverse=True)}
    near = get_close_matches(name.lower(), choices, n=1)
    if near:
        return f"; did you mean {prefix}{choices[near[0]]}?"
    if not choices:
        return ""
    listed = [f"{prefix}{choice}" for choice in sorted(choices.values())]
    more = f", ... ({len(listed)} in all)" if len(listed) > _LISTED else ""
    return f"; there are {', '.join(listed[:_LISTED])}{more}"


def meant_by(asked: str, names: Iterable[str]) -> list[str]:
    """Return those of `names` that `asked` means, in any case: the one of that name, else those that begin with it.

    A beginning that reaches beyond the slash ends where a part of the name does: BTC/USD is not BTC/USDT.
    """
    known = list(dict.fromkeys(names))
    exact = [name for name in known if name == asked] or [name for name in known if name.lower() == asked.lower()]
    return exact or [name for name in known if _begins(name.lower(), asked.lower())]


def _begins(name: str, beginning: str) -> bool:
    return name.startswith(beginning) and ("/" not in beginning or name[len(beginning) :].startswith(":"))
