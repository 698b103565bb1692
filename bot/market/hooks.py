"""Tell the signals that ask for it of each trade and of each change of the book, between decisions."""

from __future__ import annotations

from bot.market.jit import lean_kernel
from bot.market.plan import CODE, MEMORY, ROOM, Plan
from bot.market.signals import absorption, fair_price, impact, markout, order_flow, toxicity
from bot.market.signals.family import FAIR_PRICE, FAMILY, IMPACT, MARKOUT, ORDER_FLOW, RESILIENCE, TOXICITY
from bot.types import Int64s


@lean_kernel
def after_trade(plan: Plan, now_ns: int, exchange_ns: int, is_buy: bool, ticks: int, lots: int, tops: Int64s) -> None:
    """Tell of one trade; `tops` are the watched levels as of the last book message before it."""
    for row in plan.on_trades:
        code = plan.steps[row, CODE]
        at = plan.steps[row, MEMORY]
        own = plan.memory[at : at + plan.steps[row, ROOM]]
        args = plan.args[row]
        sign = 1 if is_buy else -1
        family = code // FAMILY
        if family == ORDER_FLOW:
            order_flow.note_trade(code, own, args, now_ns, exchange_ns, sign, ticks, lots, tops)
        elif family == TOXICITY:
            toxicity.note_trade(code, own, args, now_ns, exchange_ns, sign, ticks, lots, tops)
        elif family == IMPACT:
            impact.note_trade(code, own, args, now_ns, exchange_ns, sign, ticks, lots, tops)
        elif family == MARKOUT:
            markout.note_trade(code, own, args, now_ns, exchange_ns, sign, ticks, lots, tops)
        elif family == RESILIENCE:
            absorption.note_trade(code, own, args, now_ns, exchange_ns, sign, ticks, lots, tops)


@lean_kernel
def after_message(plan: Plan, now_ns: int, exchange_ns: int, tops: Int64s, ofi_lots: int) -> None:
    """Tell of a message that may have changed the watched levels; `tops` and the sum of e_1 are as of after it."""
    for row in plan.on_messages:
        code = plan.steps[row, CODE]
        at = plan.steps[row, MEMORY]
        own = plan.memory[at : at + plan.steps[row, ROOM]]
        args = plan.args[row]
        family = code // FAMILY
        if family == ORDER_FLOW:
            order_flow.note_message(code, own, args, now_ns, exchange_ns, tops, ofi_lots)
        elif family == MARKOUT:
            markout.note_message(code, own, args, now_ns, exchange_ns, tops)
        elif family == RESILIENCE:
            absorption.note_message(code, own, args, now_ns, exchange_ns, tops)
        elif family == FAIR_PRICE:
            fair_price.note_message(code, own, args, now_ns, exchange_ns, tops)
