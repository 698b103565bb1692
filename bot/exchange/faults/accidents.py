"""Faults of the account side: what happens to an account, a key or a symbol without its owner having asked for it.

They act through the exchange's own rules, so that money and lots are conserved whatever is done to somebody.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Final

from bot.errors import UserError
from bot.exchange.accounts.account import Account, OwnOrder
from bot.exchange.books.matching import FLOW, MatchingEngine, Rule
from bot.exchange.exchange import Exchange
from bot.exchange.faults.catalogue import Side, Timing
from bot.exchange.faults.plan import Armed, FaultPlan
from bot.exchange.listing import Listing
from bot.exchange.refusal import Refusal

_SIGNS: Final = {"BUY": 1, "SELL": -1}
_OF_SYMBOL: Final = ("external-trade", "halted-symbol", "filter-change")


class AccountFaults:
    """Lets the plan's account faults happen when their time has come. `expire` ends the listen keys of an owner."""

    def __init__(self, plan: FaultPlan, exchange: Exchange, expire: Callable[[int], None]) -> None:
        self._plan = plan
        self._exchange = exchange
        self._expire = expire
        self._halted: set[str] = set()
        self._revoked: set[str] = set()
        self._actions: dict[str, Callable[[Armed], bool]] = {
            "external-trade": self._trade,
            "liquidation": self._liquidate,
            "partial-fill": self._fill_in_part,
            "filter-change": self._change_filters,
            "listen-key-expired": self._expire_keys,
        }

    def check(self, armed: Armed) -> None:
        """Refuse what could never happen here.

        Raises:
            UserError: a symbol or a number is missing or wrong, or the market cannot do it.
        """
        name, scope = armed.fault.name, armed.scope
        if name in _OF_SYMBOL and not scope.symbol:
            raise UserError(f"fault {name} should name its symbol in where, named none")
        if name == "external-trade" and self._lots(armed) <= 0:
            raise UserError(f"size should be a multiple of the lot size, was {armed.text('size')}")
        if name == "filter-change":
            self._check_filters(armed)
        if name == "partial-fill" and not self._engines(scope.symbol):
            raise UserError("fault partial-fill needs a matched market, this is a replay")

    def _check_filters(self, armed: Armed) -> None:
        instrument = self._exchange.listing(armed.scope.symbol).instrument
        _decimal("min_notional", armed.text("min_notional"))
        for name, unit in (("tick_size", instrument.tick_size), ("lot_size", instrument.lot_size)):
            step = _decimal(name, armed.text(name))
            if step is not None and step % unit:
                raise UserError(f"{name} should be a multiple of {unit}, was {step}")

    def tend(self) -> None:
        """Let happen what is due; called at every turn of the market and whenever something is armed or disarmed."""
        self._switch()
        for one in (*self._plan.armed(Side.ACCOUNT), *self._plan.armed(Side.WEBSOCKET)):
            if one.fault.timing is not Timing.ONCE or not one.is_on(self._plan.now_ms):
                continue
            one.seen += 1
            try:
                one.struck += self._actions[one.fault.name](one)
            except Refusal:
                # As an owner would be refused (a halted symbol, no margin): it is tried again at the next turn.
                continue

    def _switch(self) -> None:
        """Halt and revoke what lasting faults want, and give back what they want no more."""
        lasting = [one for one in self._plan.armed(Side.ACCOUNT) if one.fault.timing is Timing.LASTING]
        on = [one for one in lasting if one.is_on(self._plan.now_ms)]
        halted = {one.scope.symbol for one in on if one.fault.name == "halted-symbol"}
        revoked = {key for one in on if one.fault.name == "key-revoked" for key in self._keys(one)}
        for symbol_id in halted ^ self._halted:
            self._exchange.listing(symbol_id).is_halted = symbol_id in halted
        for key in revoked ^ self._revoked:
            self._exchange.accounts[key].is_revoked = key in revoked
        for one in on:
            one.struck = 1
        self._halted, self._revoked = halted, revoked

    def _keys(self, armed: Armed) -> list[str]:
        return [armed.scope.key] if armed.scope.key else list(self._exchange.accounts)

    def _accounts(self, armed: Armed) -> list[Account]:
        return [self._exchange.accounts[key] for key in self._keys(armed)]

    def _trade(self, armed: Armed) -> bool:
        sign = _SIGNS[armed.text("side")]
        account = self._accounts(armed)[0]
        self._exchange.trade_externally(account, armed.scope.symbol, sign, self._lots(armed), self._plan.now_ms)
        return True

    def _lots(self, armed: Armed) -> int:
        size = _decimal("size", armed.text("size"))
        instrument = self._exchange.listing(armed.scope.symbol).instrument
        return 0 if size is None or size % instrument.lot_size else instrument.lots(size)

    def _liquidate(self, armed: Armed) -> bool:
        holding = [one for one in self._accounts(armed) if any(held.lots for held in one.positions.values())]
        for account in holding:
            self._exchange.liquidate(account, self._plan.now_ms)
        return bool(holding)

    def _change_filters(self, armed: Armed) -> bool:
        standing = self._exchange.listing(armed.scope.symbol).filters
        tick_size, lot_size, min_notional = (
            _decimal(name, armed.text(name)) or before
            for name, before in (
                ("tick_size", standing.tick_size),
                ("lot_size", standing.lot_size),
                ("min_notional", standing.min_notional),
            )
        )
        self._exchange.change_filters(armed.scope.symbol, tick_size, lot_size, min_notional, self._plan.now_ms)
        return True

    def _expire_keys(self, armed: Armed) -> bool:
        for account in self._accounts(armed):
            self._expire(account.owner)
        return True

    def _fill_in_part(self, armed: Armed) -> bool:
        """Let the market trade against the oldest resting order, through whatever stands before it in the queue."""
        symbol_id = armed.scope.symbol
        resting = [
            own
            for account in self._accounts(armed)
            for own in account.open.values()
            if symbol_id in ("", own.symbol_id) and own.order.left > 1
        ]
        engines = self._engines(symbol_id)
        resting = [own for own in resting if own.symbol_id in engines]
        if not resting:
            return False
        own = min(resting, key=lambda own: (own.time_ms, own.order.order_id))
        _trade_against(own, engines[own.symbol_id], armed.number_of("part"))
        self._exchange.settle(self._exchange.listing(own.symbol_id), self._plan.now_ms)
        return True

    def _engines(self, symbol_id: str) -> dict[str, MatchingEngine]:
        """The books that match orders, of one symbol or of all: a replayed one has no queue to trade through."""
        listings: dict[str, Listing] = self._exchange.listings
        return {
            name: listing.book
            for name, listing in listings.items()
            if symbol_id in ("", name) and isinstance(listing.book, MatchingEngine)
        }


def _trade_against(own: OwnOrder, engine: MatchingEngine, part: float) -> None:
    order = own.order
    wanted = order.left - min(order.left - 1, max(1, int(order.left * part)))
    while order.left > wanted:
        # Never more than is still to be filled, so that it stops in time; the book before it is finite.
        engine.place(FLOW, -order.sign, order.price, order.left - wanted, Rule.IOC)


def _decimal(name: str, text: str) -> Decimal | None:
    """A number > 0, None for an empty text."""
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise UserError(f"{name} should be a number above 0, was {text}")
    return number
