"""How much of the price's moves a straight line through one signal explains, and how much it would by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.types import Floats

NULL_DRAWS: Final = 100  # shuffles that the chance level is made of


@dataclass(frozen=True, slots=True)
class Line:
    """A least-squares line y = intercept + slope x over `windows` pairs.

    `slope_error` and `t` are White's (1980) in the form HC1 of MacKinnon and White (1985), right whether or not the
    noise is of one size. `r2` and `adjusted_r2` are shares of the variance of y; `rmse` is in units of y. All are NaN
    below three pairs or when x or y never changes.
    """

    windows: int
    intercept: float
    slope: float
    slope_error: float
    t: float
    r2: float
    adjusted_r2: float
    rmse: float


@dataclass(frozen=True, slots=True)
class ChanceLevel:
    """R² of the same signal with its blocks in another order: `median`, and `high` with 95 % of the draws below it."""

    median: float
    high: float


def fit_line(x: Floats, y: Floats) -> Line:
    """Fit y on x, both (n,) without NaN."""
    count = len(x)
    if count < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Line(count, *([float("nan")] * 7))
    off_x, off_y = x - x.mean(), y - y.mean()
    square_x, square_y = float(off_x @ off_x), float(off_y @ off_y)
    slope = float(off_x @ off_y) / square_x
    left = off_y - slope * off_x
    error = float(np.sqrt(count / (count - 2) * ((off_x * left) @ (off_x * left)))) / square_x
    r2 = 1.0 - float(left @ left) / square_y
    return Line(
        windows=count,
        intercept=float(y.mean() - slope * x.mean()),
        slope=slope,
        slope_error=error,
        t=slope / error if error > 0 else float("nan"),
        r2=r2,
        adjusted_r2=1.0 - (1.0 - r2) * (count - 1) / (count - 2),
        rmse=float(np.sqrt(left @ left / count)),
    )


def out_of_sample_r2(y: Floats, forecast: Floats, base: Floats) -> float:
    """Return 1 - sum (y - forecast)² / sum (y - base)², `base` being the mean of the moves known before.

    Campbell and Thompson (2008), Review of Financial Studies 21(4): above 0 the fit beats saying the mean; it has no
    lower bound. NaN when `y` never differed from `base`.
    """
    spread = float((y - base) @ (y - base))
    return 1.0 - float((y - forecast) @ (y - forecast)) / spread if spread > 0 else float("nan")


def chance_level(x: Floats, y: Floats, block: int, rng: np.random.Generator, draws: int = NULL_DRAWS) -> ChanceLevel:
    """Return the R² that is left when whole blocks of x change places: its own memory stays, its tie to y goes.

    `block` windows stay together; what does not fill a block at the end is left out. NaN below three blocks.
    """
    blocks = len(x) // block
    if blocks < 3:
        return ChanceLevel(float("nan"), float("nan"))
    pieces, moves = x[: blocks * block].reshape(blocks, block), y[: blocks * block]
    pieces, moves = pieces - pieces.mean(), moves - moves.mean()
    scale = float((pieces.ravel() @ pieces.ravel()) * (moves @ moves))
    if scale == 0:
        return ChanceLevel(float("nan"), float("nan"))
    squares = [float(pieces[rng.permutation(blocks)].ravel() @ moves) ** 2 / scale for _ in range(draws)]
    return ChanceLevel(float(np.median(squares)), float(np.quantile(squares, 0.95)))
