"""What Python calls of the kernels that other kernels call too: each is a door to one of them.

An inner kernel has no machine code of its own, so that a loop of several takes them in without their being compiled
twice.
"""

from __future__ import annotations

from bot.market.book import Book, level_size, walk
from bot.market.columns import Columns
from bot.market.flow import Flow
from bot.market.jit import lean_kernel
from bot.market.matching.arriving import send_order
from bot.market.matching.layout import Seats
from bot.market.matching.meeting import meet_rows
from bot.market.plan import Plan
from bot.market.rows import apply_rows
from bot.market.sampling import sample_row
from bot.market.signals.forecast import Forecast
from bot.market.signals.sight import Sight
from bot.market.windows import Ring
from bot.types import Floats, Int64s


@lean_kernel
def apply_rows_door(
    columns: Columns, start: int, until_ns: int, messages: int, book: Book, flow: Flow, plan: Plan | None
) -> tuple[int, int]:
    """Call `apply_rows`."""
    return apply_rows(columns, start, until_ns, messages, book, flow, plan)


@lean_kernel
def sample_row_door(
    now_ns: int, sight: Sight, book: Book, flow: Flow, plan: Plan, ring: Ring, past: Forecast | None, row: Floats
) -> None:
    """Call `sample_row`."""
    sample_row(now_ns, sight, book, flow, plan, ring, past, row)


@lean_kernel
def level_size_door(book: Book, side: int, key: int) -> int:
    """Call `level_size`."""
    return level_size(book, side, key)


@lean_kernel
def walk_door(book: Book, side: int, wanted: int, levels: Int64s) -> int:
    """Call `walk`."""
    return walk(book, side, wanted, levels)


@lean_kernel
def meet_rows_door(seats: Seats, columns: Columns, start: int, stop: int, needs: int) -> tuple[int, int]:
    """Call `meet_rows`."""
    return meet_rows(seats, columns, start, stop, needs)


@lean_kernel
def send_order_door(
    seats: Seats, seat: int, number: int, side: int, price: int, lots: int, force: int, flags: int, expires_ns: int,
    now_ns: int,
) -> int:  # fmt: skip
    """Call `send_order`."""
    return send_order(seats, seat, number, side, price, lots, force, flags, expires_ns, now_ns)
