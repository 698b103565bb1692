"""The kinds of value config.toml holds: durations, exact numbers, lists of names, and how each is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, ConfigDict, PlainSerializer

from bot.venue.queues import queue_model

STRICT: Final = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, coerce_numbers_to_str=True)
"""How every section is read: unknown keys are errors, nothing changes afterwards, numbers are finite."""

EVERY_BOOK: Final = "book"

_NS_PER_UNIT: Final[Mapping[str, int]] = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|d)")
_LONGEST_NS: Final = 10_000 * _NS_PER_UNIT["d"]
_COMMA_OUTSIDE_BRACKETS: Final = re.compile(r",(?![^()]*\))")


def duration_ns(text: str) -> int:
    """Read a duration such as `250ms`, `5s`, `1.5m` or `24h` as whole nanoseconds (>= 0).

    Raises:
        ValueError: it is not a number with one of the units ns, us, ms, s, m, h, d.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError('should be a duration such as "250ms", "5s", "1m" or "24h"')
    nanoseconds = Decimal(match[1]) * _NS_PER_UNIT[match[2]]
    if nanoseconds != int(nanoseconds) or nanoseconds > _LONGEST_NS:
        raise ValueError("should be a whole number of nanoseconds, at most 10000d")
    return int(nanoseconds)


def duration_text(nanoseconds: int) -> str:
    """Write a duration in the largest unit up to hours that leaves a whole number: 60,000,000,000 is `1m`."""
    for unit in ("h", "m", "s", "ms", "us"):
        if nanoseconds % _NS_PER_UNIT[unit] == 0 and (nanoseconds or unit == "s"):
            return f"{nanoseconds // _NS_PER_UNIT[unit]}{unit}"
    return f"{nanoseconds}ns"


def plain(number: Decimal) -> str:
    """Write an exact number without exponent or idle zeros, so that 2000, 2000.0 and 2e3 are one text."""
    return f"{number.normalize():f}"


def split_names(names: Any) -> Any:
    """Take one text with commas as a list, the way it is most easily written on a command line; leave all else."""
    return [name.strip() for name in _COMMA_OUTSIDE_BRACKETS.split(names)] if isinstance(names, str) else names


def spelled_duration(text: str) -> str:
    """Return a duration (>= 0) in its shortest spelling.

    Raises:
        ValueError: it is no duration.
    """
    return duration_text(duration_ns(text))


def _positive_duration(text: str) -> str:
    if duration_ns(text) == 0:
        raise ValueError("should be longer than 0")
    return spelled_duration(text)


def _book_or_duration(text: str) -> str:
    return text if text == EVERY_BOOK else _positive_duration(text)


def _queue(text: str) -> str:
    return queue_model(text).text


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if "" in names or len(set(names)) != len(names):
        raise ValueError("should be distinct names, none of them empty")
    return names


def _scalar(number: Any) -> Any:
    if not isinstance(number, bool | int | float | str):
        raise ValueError("should be a number, a text, true or false")
    return number


Duration = Annotated[str, AfterValidator(_positive_duration)]
"""A duration longer than 0, kept in its shortest spelling."""

BookOrDuration = Annotated[str, AfterValidator(_book_or_duration)]
"""A duration longer than 0, or `book` for every message that leaves the book consistent."""

DurationOrZero = Annotated[str, AfterValidator(spelled_duration)]
"""A duration that may be 0."""

QueueName = Annotated[str, AfterValidator(_queue)]
"""A queue model by its name."""

Exact = Annotated[Decimal, PlainSerializer(plain, return_type=str, when_used="json")]
"""A number kept exactly as written; stored as text."""

Names = Annotated[tuple[str, ...], BeforeValidator(split_names), AfterValidator(_distinct)]
"""A list of distinct names; on a command line also one text with commas."""

Scalar = Annotated[Any, AfterValidator(_scalar)]
"""What a strategy parameter can be: a number, a text, true or false."""
