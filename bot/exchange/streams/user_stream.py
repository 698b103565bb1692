"""What the user stream says: an account's notices in the wire's words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import orjson

from bot.exchange.accounts.brackets import maintenance
from bot.exchange.accounts.notice import (
    AccountNotice,
    Happening,
    LeverageNotice,
    MarginCall,
    Notice,
    OrderNotice,
    PositionStand,
)
from bot.exchange.exchange import Exchange
from bot.exchange.rest.statement import SIDES, STATUSES
from bot.exchange.rest.wire import Json, amount, plain
from bot.exchange.streams.publication import FORCED_OF_ALL


class UserStream:
    """Writes notices as messages, for their owner and, where others see them too, for everybody."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._realised: dict[tuple[int, str], Decimal] = {}

    def private(self, notice: Notice) -> bytes:
        """The message for the account's owner."""
        if isinstance(notice, OrderNotice):
            told = self._order(notice)
        elif isinstance(notice, AccountNotice):
            told = self._account(notice)
        elif isinstance(notice, LeverageNotice):
            told = _leverage(notice)
        else:
            told = self._margin_call(notice)
        return orjson.dumps(told)

    def public(self, notice: Notice) -> list[tuple[str, bytes]]:
        """What everybody may know of it, by stream: a forced order that was filled."""
        if not isinstance(notice, OrderNotice):
            return []
        if notice.fill is not None:
            traded = (notice.owner, notice.own.symbol_id)
            self._realised[traded] = self._realised.get(traded, Decimal(0)) + notice.fill.realised
        if notice.happening is not Happening.CALCULATED:
            return []
        of_order = self._order(notice)["o"]
        known = {name: of_order[name] for name in ("s", "S", "o", "f", "q", "p", "ap", "X", "l", "z", "T")}
        frame = orjson.dumps({"e": "forceOrder", "E": notice.time_ms, "o": known})
        return [(f"{notice.own.symbol_id.lower()}@forceOrder", frame), (FORCED_OF_ALL, frame)]

    # Over thirty lines, as the wire has that many fields and one a line is how they are read.
    def _order(self, notice: OrderNotice) -> Json:
        own, fill = notice.own, notice.fill
        order, instrument = own.order, self._exchange.listings[own.symbol_id].instrument
        filled = order.lots - notice.left
        fee = {} if fill is None else {"N": instrument.quote, "n": amount(fill.fee)}
        return {
            "e": "ORDER_TRADE_UPDATE",
            "E": notice.time_ms,
            "T": notice.time_ms,
            "o": {
                "s": own.symbol_id,
                "c": own.client_id,
                "S": SIDES[order.sign],
                "o": own.order_type,
                "f": own.rule.value,
                "q": plain(instrument.size(order.lots)),
                "p": plain(instrument.price(order.price)),
                "ap": amount(notice.quote / instrument.size(filled)) if filled else "0",
                "sp": "0",
                "x": notice.happening.value,
                "X": STATUSES[notice.status],
                "i": order.order_id,
                "l": plain(instrument.size(fill.lots)) if fill is not None else "0",
                "z": plain(instrument.size(filled)),
                "L": plain(instrument.price(fill.price)) if fill is not None else "0",
                **fee,
                "T": notice.time_ms,
                "t": fill.trade_id if fill is not None else 0,
                "b": "0",
                "a": "0",
                "m": fill.maker if fill is not None else False,
                "R": order.reduce_only,
                "wt": "CONTRACT_PRICE",
                "ot": own.order_type,
                "ps": "BOTH",
                "cp": False,
                "rp": amount(fill.realised) if fill is not None else "0",
                "pP": False,
                "si": 0,
                "ss": 0,
                "V": "NONE",
                "pm": "NONE",
                "gtd": 0,
            },
        }

    def _account(self, notice: AccountNotice) -> Json:
        cash = amount(notice.cash)
        return {
            "e": "ACCOUNT_UPDATE",
            "E": notice.time_ms,
            "T": notice.time_ms,
            "a": {
                "m": notice.cause.value,
                "B": [{"a": "USDT", "wb": cash, "cw": cash, "bc": amount(notice.changed)}],
                "P": self._positions(notice.owner, notice.positions),
            },
        }

    def _positions(self, owner: int, stands: Sequence[PositionStand]) -> list[Json]:
        told = []
        for stand in stands:
            instrument = self._exchange.listings[stand.symbol_id].instrument
            size = instrument.size(stand.lots)
            entry = amount(stand.cost / size) if stand.lots else "0"
            told.append(
                {
                    "s": stand.symbol_id,
                    "pa": plain(size),
                    "ep": entry,
                    "bep": entry,
                    "cr": amount(self._realised.get((owner, stand.symbol_id), Decimal(0))),
                    "up": amount(stand.unrealised),
                    "mt": "cross",
                    "iw": "0",
                    "ps": "BOTH",
                    "ma": instrument.quote,
                }
            )
        return told

    def _margin_call(self, notice: MarginCall) -> Json:
        told = []
        for stand in notice.positions:
            listing = self._exchange.listings[stand.symbol_id]
            size, mark = listing.instrument.size(stand.lots), listing.mark()
            told.append(
                {
                    "s": stand.symbol_id,
                    "ps": "BOTH",
                    "pa": plain(size),
                    "mt": "CROSSED",
                    "iw": "0",
                    "mp": amount(mark),
                    "up": amount(stand.unrealised),
                    "mm": amount(maintenance(abs(size) * mark)),
                }
            )
        return {"e": "MARGIN_CALL", "E": notice.time_ms, "cw": amount(notice.cash), "p": told}


def _leverage(notice: LeverageNotice) -> Json:
    changed = {"s": notice.symbol_id, "l": notice.leverage}
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": notice.time_ms, "T": notice.time_ms, "ac": changed}
