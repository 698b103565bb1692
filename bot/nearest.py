"""The end of every "no such name" message: what was probably meant, or what there is to choose from."""

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
