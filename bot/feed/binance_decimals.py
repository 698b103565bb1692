"""Decimal strings to exact integers, a column at a time, without a float in between."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bot.types import Int64s

Bools = NDArray[np.bool_]

# 10^18 is the largest power of ten in 64 bits.
MOST_DIGITS: Final = 18
_POWERS: Final = 10 ** np.arange(MOST_DIGITS + 1, dtype=np.int64)


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

    def take(self, where: Bools) -> Decimals:
        """Keep the numbers where the mask is True."""
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
    column = _texts(texts)
    point = pc.find_substring(column, ".")
    trimmed = pc.if_else(pc.greater_equal(point, 0), pc.ascii_rtrim(column, "0"), column)
    digits = pc.replace_substring(trimmed, ".", "", max_replacements=1)
    valid = pc.and_(pc.ascii_is_decimal(digits), pc.less_equal(pc.binary_length(digits), MOST_DIGITS))
    mask: Bools = np.array(valid, np.bool_)
    start = np.array(point, np.int64)
    places = np.where(mask & (start >= 0), np.array(pc.binary_length(trimmed), np.int64) - 1 - start, 0)
    return Decimals(np.array(pc.if_else(valid, digits, "0").cast(pa.int64()), np.int64), places, mask)


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
