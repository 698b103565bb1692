"""Tell the signals that ask for it of each trade and of each change of the touch, between decisions."""

from __future__ import annotations

from bot.market.jit import inlined_kernel, inner_kernel
from bot.market.plan import CODE, MEMORY, ROOM, Plan
from bot.market.signals import absorption, flow_intensity, impact, markout, microprice, order_flow, toxicity
from bot.market.signals.family import FAIR_PRICE, FAMILY, IMPACT, MARKOUT, ORDER_FLOW, RESILIENCE, TOXICITY
from bot.market.signals.news import MID, note_fill, note_mid, note_touch
from bot.types import Floats, Int64s


@inlined_kernel
def after_trade(plan: Plan, now_ns: int, exchange_ns: int, is_buy: bool, ticks: int, lots: int) -> None:
    """Tell of one trade."""
    if plan.on_trades.shape[0] > 0:
        sign = 1 if is_buy else -1
        tell_trade(
            plan.on_trades, plan.steps, plan.args, plan.memory, plan.news, now_ns, exchange_ns, sign, ticks, lots
        )


@inner_kernel
def tell_trade(
    told: Int64s,
    steps: Int64s,
    all_args: Floats,
    memory: Floats,
    news: Int64s,
    now_ns: int,
    exchange_ns: int,
    sign: int,
    ticks: int,
    lots: int,
) -> None:
    """Tell the signals in the rows `told` of one trade; `sign` is +1 for an aggressive buy."""
    is_first = note_fill(news, now_ns, exchange_ns, sign)
    for row in told:
        code = steps[row, CODE]
        at = steps[row, MEMORY]
        own = memory[at : at + steps[row, ROOM]]
        args = all_args[row]
        family = code // FAMILY
        if family == RESILIENCE:
            absorption.note_trade(own, now_ns, sign, ticks, lots)
        elif family == MARKOUT:
            markout.note_trade(code, own, args, news, is_first, now_ns, sign, ticks, lots)
        elif family == TOXICITY:
            toxicity.note_trade(own, args, sign, lots)
        elif is_first and family == ORDER_FLOW:
            flow_intensity.note_order(own, args[0], now_ns, exchange_ns, sign)
        elif is_first and family == IMPACT:
            impact.note_order(own, ticks)


@inlined_kernel
def after_message(plan: Plan, now_ns: int, exchange_ns: int, tops: Int64s, ofi_lots: int) -> None:
    """Tell of a message that may have changed the touch; `tops` and the sum of e_1 are as of after it."""
    if plan.on_messages.shape[0] > 0 and note_touch(plan.news, exchange_ns, tops):
        tell_touch(plan.on_messages, plan.steps, plan.args, plan.memory, plan.news, now_ns, exchange_ns, ofi_lots)


@inner_kernel
def tell_touch(
    told: Int64s,
    steps: Int64s,
    all_args: Floats,
    memory: Floats,
    news: Int64s,
    now_ns: int,
    exchange_ns: int,
    ofi_lots: int,
) -> None:
    """Tell the signals in the rows `told` that the touch is another; `ofi_lots` is the sum of e_1 with it."""
    before = note_mid(news, exchange_ns)
    has_moved = news[MID] != before
    for row in told:
        code = steps[row, CODE]
        at = steps[row, MEMORY]
        own = memory[at : at + steps[row, ROOM]]
        family = code // FAMILY
        if family == RESILIENCE:
            absorption.note_touch(own, news, now_ns)
        elif family == FAIR_PRICE:
            microprice.note_touch(own, news)
        elif family == ORDER_FLOW:
            order_flow.note_touch(code, own, all_args[row], news, now_ns, ofi_lots)
        elif family == MARKOUT and has_moved and code != markout.EFFECTIVE_SPREAD:
            markout.let_mature(own, now_ns - 1, float(before))
