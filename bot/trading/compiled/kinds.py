"""What kind of thing an expression of a strategy is, as far as can be said without running it.

All numbers are float64 in compiled code. Python's whole numbers differ from them in three ways: they are exact beyond
2^53, know no negative zero, and stay whole under `+ - * // %`. So it is followed which numbers may be whole, and how
large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

EXACT: Final = 2.0**53
"""Up to here every whole number is a float64."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that may be whole, or a float, or either; a whole one is at most `most`, either way."""

    may_be_whole: bool
    may_be_float: bool
    most: float = 0.0

    @property
    def is_mixed(self) -> bool:
        """True when only a run can tell."""
        return self.may_be_whole and self.may_be_float


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Text:
    """One of the constant texts, by its place in the table of reasons."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """None."""


@dataclass(frozen=True, slots=True)
class Price:
    """A number or None, as (whether, number)."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact decimal, which is good for `float` and for `values` alone."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A tuple."""

    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Values:
    """Numbers by name, as a tuple."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """The view itself."""


Kind = Number | Truth | Text | Nothing | Price | Money | Parts | Values | Sight

FLOAT: Final = Number(may_be_whole=False, may_be_float=True)
TRUTH: Final = Truth()
TEXT: Final = Text()
NOTHING: Final = Nothing()
PRICE: Final = Price()
MONEY: Final = Money()
SIGHT: Final = Sight()


def whole(most: float = math.inf) -> Number:
    """Return the kind of a whole number that is at most `most` either way; infinite: as large as a float."""
    return Number(may_be_whole=True, may_be_float=False, most=most)


@dataclass(frozen=True, slots=True)
class Term:
    """An expression in compiled code, in parentheses where it needs them, and its kind."""

    text: str
    kind: Kind


def joined(one: Kind, other: Kind) -> Kind | None:
    """Return the kind of what is one or the other; None when compiled code has no such thing."""
    if one == other:
        return one
    if isinstance(one, Number) and isinstance(other, Number):
        return Number(
            one.may_be_whole or other.may_be_whole,
            one.may_be_float or other.may_be_float,
            max(one.most, other.most),
        )
    if isinstance(one, Number | Nothing | Price) and isinstance(other, Number | Nothing | Price):
        return PRICE
    if isinstance(one, Parts) and isinstance(other, Parts) and len(one.kinds) == len(other.kinds):
        kinds = [joined(left, right) for left, right in zip(one.kinds, other.kinds, strict=True)]
        # A price is written otherwise than a number: inside of a tuple it cannot become one later.
        if all(
            kind is not None and type(kind) is type(left) and type(kind) is type(right)
            for kind, left, right in zip(kinds, one.kinds, other.kinds, strict=True)
        ):
            return Parts(tuple(kind for kind in kinds if kind is not None))
    return None


def fitted(term: Term, kind: Kind) -> str:
    """Return the text of a term as one of a kind that it was joined to."""
    if kind == PRICE and term.kind != PRICE:
        return "(False, nan)" if term.kind == NOTHING else f"(True, {term.text})"
    return term.text


def plain(kind: Kind) -> str:
    """Say what a kind is, in words of Python."""
    words: dict[type, str] = {
        Truth: "True or False",
        Text: "a text",
        Nothing: "None",
        Price: "a number or None",
        Money: "a Decimal",
        Parts: "a tuple",
        Values: "a dict",
        Sight: "the view",
    }
    return words.get(type(kind), "a number")
