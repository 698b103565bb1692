"""Decimal strings, scaled integers and floats to exact decimals, a column at a time.

Texts never pass through a float; a float stands for the shortest decimal that it is the nearest float of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bot.types import Floats, Int64s

Bools = NDArray[np.bool_]

# 10^18 is the largest power of ten in 64 bits.
MOST_DIGITS: Final = 18
_POWERS: Final = 10 ** np.arange(MOST_DIGITS + 1, dtype=np.int64)
_WHOLE_FLOATS: Final = 2.0**53
_MOST_FLOAT_PLACES: Final = 15


@dataclass(frozen=True, slots=True)
class Decimals:
    """Numbers >= 0 as `digits` / 10^`places`, without trailing zeros after the point.

    `valid` is False where the text was no such number of at most 18 digits; digits and places are 0 there.
    """

    digits: Int64s
    places: Int64s
    valid: Bools

    def __len__(self) -> int:
        return int(self.digits.shape[0])

    def take(self, where: Bools | Int64s | slice) -> Decimals:
        """Keep the numbers at a mask, positions or a slice."""
        return Decimals(self.digits[where], self.places[where], self.valid[where])

    def finest_places(self) -> int:
        """Most digits after the point of any number; 0 when there is none."""
        return int(self.places.max(initial=0))

    def steps(self, step: Decimal) -> Steps:
        """Count whole steps of size `step` > 0, rounded up.

        With step = m / 10^s a number is digits * 10^(s - places) / m steps.
        """
        fraction, exponent = _as_fraction(step)
        up = np.clip(exponent - self.places, 0, MOST_DIGITS)
        down = np.clip(self.places - exponent, 0, MOST_DIGITS)
        fits = self.valid & (self.digits <= np.iinfo(np.int64).max // _POWERS[up])
        scaled = np.where(fits, self.digits, 0) * _POWERS[up]
        shrunk, rest = np.divmod(scaled, _POWERS[down])
        counts, remainder = np.divmod(shrunk, fraction)
        between = (rest > 0) | (remainder > 0)
        return Steps(counts + between, fits, fits & ~between)


@dataclass(frozen=True, slots=True)
class Steps:
    """Numbers counted in steps, rounded up; `fits` is False where 64 bits don't do, `exact` where it isn't whole."""

    counts: Int64s
    fits: Bools
    exact: Bools


def parse_decimals(texts: list[str]) -> Decimals:
    """Parse plain decimal texts such as `12345.60`; signs, exponents, NaN, blanks and what is no text are not valid."""
    return parse_decimal_column(_texts(texts))


def parse_decimal_column(column: Any) -> Decimals:
    """Parse an Arrow column of texts likewise; it has no nulls."""
    point = pc.find_substring(column, ".")
    trimmed = pc.if_else(pc.greater_equal(point, 0), pc.ascii_rtrim(column, "0"), column)
    digits = pc.replace_substring(trimmed, ".", "", max_replacements=1)
    valid = pc.and_(pc.ascii_is_decimal(digits), pc.less_equal(pc.binary_length(digits), MOST_DIGITS))
    mask: Bools = np.array(valid, np.bool_)
    start = np.array(point, np.int64)
    places = np.where(mask & (start >= 0), np.array(pc.binary_length(trimmed), np.int64) - 1 - start, 0)
    return Decimals(np.array(pc.if_else(valid, digits, "0").cast(pa.int64()), np.int64), places, mask)


def scaled_decimals(numbers: Int64s, places: int) -> Decimals:
    """Take whole numbers that count 10^-`places`, such as prices times 10,000; what is below 0 is not valid."""
    valid = (numbers >= 0) & (numbers < _POWERS[MOST_DIGITS])
    digits = np.where(valid, numbers, 0)
    left = np.where(digits > 0, places, 0)
    for _ in range(places):
        even = (left > 0) & (digits % 10 == 0)
        digits = np.where(even, digits // 10, digits)
        left = left - even
    return Decimals(digits, left, valid)


def float_decimals(values: Floats) -> Decimals:
    """Find the shortest decimal, of at most 15 places, whose nearest float each value is, or that is two floats away.

    Whole numbers up to 2^53 and powers of ten up to 10^22 are exact floats and division rounds correctly, so a price
    that was once parsed from its text comes back as it was written. The two floats are for sums such as 0.1 + 0.2.
    Not valid: below 0, infinite, NaN, or without such a decimal.
    """
    digits = np.zeros(len(values), np.int64)
    places = np.zeros(len(values), np.int64)
    left = np.isfinite(values) & (values >= 0) & (values < _WHOLE_FLOATS)
    valid = left.copy()
    for place in range(_MOST_FLOAT_PLACES + 1):
        where = np.flatnonzero(left)
        if not where.size:
            break
        wanted = values[where]
        counted = np.rint(wanted * 10.0**place)
        near = np.abs(counted / 10.0**place - wanted) <= 2 * np.spacing(wanted)
        near &= counted < _WHOLE_FLOATS
        hits = where[near]
        digits[hits], places[hits] = counted[near].astype(np.int64), place
        left[hits] = False
    return Decimals(digits, places, valid & ~left)


def join_decimals(parts: Sequence[Decimals]) -> Decimals:
    """Join parts in the order given."""
    names = ("digits", "places", "valid")
    return Decimals(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _texts(texts: list[str]) -> Any:
    try:
        column = pa.array(texts, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        column = None
    if column is None or column.null_count:  # what is no text becomes an empty one, which is no number
        column = pa.array([text if isinstance(text, str) else "" for text in texts], pa.string())
    return column


def _as_fraction(step: Decimal) -> tuple[int, int]:
    exponent = max(0, -int(step.normalize().as_tuple().exponent))
    return int(step.scaleb(exponent)), exponent
