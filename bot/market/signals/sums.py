"""Keep sums that run for days so that a window, the difference of two of them, is right to its last digits.

A sum takes two places: what it is as a float, and what rounding has left of it so far (the error-free addition of
Knuth, The Art of Computer Programming 2, 4.2.2, theorem B). A window that saw nothing is 0 and not a rounding error,
however much has gone before it, and whole numbers stay exact far beyond 2^53.
"""

from __future__ import annotations

from bot.market.jit import inner_kernel
from bot.types import Floats


@inner_kernel
def add_terms(own: Floats, terms: tuple[float, ...]) -> None:
    """Add a term to each of the sums that `own` begins with, two places a sum."""
    for k in range(len(terms)):
        before = own[2 * k]
        after = before + terms[k]
        part = after - before
        own[2 * k] = after
        own[2 * k + 1] += (before - (after - part)) + (terms[k] - part)


@inner_kernel
def take_windows(own: Floats, kept: Floats) -> None:
    """Write how much each sum has grown since it was `kept` into the places behind the sums."""
    sums = kept.shape[0] // 2
    for k in range(sums):
        own[2 * sums + k] = (own[2 * k] - kept[2 * k]) + (own[2 * k + 1] - kept[2 * k + 1])
