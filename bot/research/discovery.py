"""Of many questions asked of the same tape some look answered by luck: which findings may be kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

FALSE_SHARE: Final = 0.10  # of the findings kept, this share may be luck


def discoveries(p_values: Sequence[float], false_share: float = FALSE_SHARE) -> tuple[bool, ...]:
    """Return which p-values survive when at most `false_share` of the survivors may be false on average.

    Benjamini and Hochberg (1995), J. Royal Statistical Society B 57(1): keep the k smallest, k being the largest with
    p_(k) <= false_share k / m. It holds for independent tests and for such as lean the same way (Benjamini and
    Yekutieli 2001), which those of neighbouring horizons do. A NaN counts among the m tests and never survives.
    """
    tests = len(p_values)
    p = np.where(np.isnan(p_values), 1.0, np.asarray(p_values, dtype=float)) if tests else np.empty(0)
    order = np.argsort(p, kind="stable")
    fits = np.flatnonzero(p[order] <= false_share * np.arange(1, tests + 1) / max(tests, 1))
    kept = np.zeros(tests, dtype=bool)
    if len(fits):
        kept[order[: fits[-1] + 1]] = True
    return tuple(bool(one and not np.isnan(raw)) for one, raw in zip(kept, p_values, strict=True))
