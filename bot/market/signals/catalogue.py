"""List every signal there is: what it measures, where the formula comes from, and when it has no value."""

from __future__ import annotations

from typing import Final

from bot.market.signals import (
    book_imbalance,
    cross,
    fair_price,
    forecast,
    impact,
    liquidity,
    markout,
    order_flow,
    perpetual,
    quality,
    resilience,
    state,
    toxicity,
)

CATALOGUE: Final = {
    signal.name: signal
    for family in (
        fair_price,
        book_imbalance,
        order_flow,
        toxicity,
        impact,
        markout,
        liquidity,
        resilience,
        state,
        cross,
        perpetual,
        forecast,
        quality,
    )
    for signal in family.ENTRIES
}
