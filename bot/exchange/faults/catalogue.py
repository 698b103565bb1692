"""Every fault the exchange can commit on purpose: its name, what it does, its parameters and their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final

from bot.errors import UserError
from bot.nearest import did_you_mean

Setting = int | float | str
_HOUR_MS: Final = 3_600_000
_DAY_S: Final = 86_400
_OF_REQUESTS: Final = ("endpoint", "method", "path", "symbol", "key")
_OF_MESSAGES: Final = ("client", "stream", "symbol")


@unique
class Side(StrEnum):
    """Which part of the exchange commits a fault."""

    REST = "rest"
    WEBSOCKET = "websocket"
    ACCOUNT = "account"


@unique
class Timing(StrEnum):
    """What a schedule can say of a fault: EACH strikes single requests or messages, and may be counted, skipped and
    drawn by chance; LASTING is on for a time; ONCE acts at a time, and more than once if `count` asks for it.
    """

    EACH = "each"
    LASTING = "lasting"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One knob of a fault, of its default's type; numbers lie in `low` to `high`, texts in `choices` if any."""

    name: str
    default: Setting
    says: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()

    def checked(self, sent: object) -> Setting:
        """The value in the right type.

        Raises:
            UserError: it is of another type, out of bounds, or none of the choices.
        """
        if isinstance(self.default, str):
            if not isinstance(sent, str) or (self.choices and sent not in self.choices):
                raise UserError(f"{self.name} should be {self._wanted()}, was {sent!r}")
            return sent
        whole = isinstance(self.default, int)
        fits = isinstance(sent, int | float) and not isinstance(sent, bool) and self.low <= sent <= self.high
        if not fits or not isinstance(sent, int | float) or (whole and sent != int(sent)):
            raise UserError(f"{self.name} should be {self._wanted()}, was {sent!r}")
        return int(sent) if whole else float(sent)

    def _wanted(self) -> str:
        if isinstance(self.default, str):
            return f"one of {', '.join(self.choices)}" if self.choices else "a text"
        return f"{'a whole number' if isinstance(self.default, int) else 'a number'} from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the catalogue; `where` are the fields of a scope that it understands."""

    name: str
    side: Side
    timing: Timing
    where: tuple[str, ...]
    says: str
    parameters: tuple[Parameter, ...] = ()

    def checked(self, sent: Mapping[str, object]) -> dict[str, Setting]:
        """Every parameter with the value sent, or its default.

        Raises:
            UserError: there is no such parameter, or a value does not fit.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in sent:
            if name not in known:
                raise UserError(f"fault {self.name} has no parameter {name}{did_you_mean(name, known)}")
        return {
            name: parameter.checked(sent[name]) if name in sent else parameter.default
            for name, parameter in known.items()
        }


def fault_named(name: str) -> Fault:
    """The fault of that name.

    Raises:
        UserError: there is none; the text tells the nearest.
    """
    found = CATALOGUE.get(name)
    if found is None:
        raise UserError(f"there is no fault {name}{did_you_mean(name, CATALOGUE)}")
    return found


_DELAY: Final = Parameter("delay_ms", 1_000, "how long, in ms", 0, _HOUR_MS)
_STATUS: Final = (
    Parameter("status", 503, "HTTP status of the answer", 400, 599),
    Parameter("body", "json", "what the answer holds", choices=("json", "html", "empty")),
    Parameter("code", -1000, "the error code of a JSON body", -99_999, 0),
    Parameter("retry_after_s", 0, "header Retry-After in seconds; 0 leaves it out", 0, 3 * _DAY_S),
)
_RESET: Final = (
    Parameter("how", "rst", "how the connection ends: reset, or closed without an answer", choices=("rst", "close")),
)
_KEEP: Final = Parameter("keep", 0.5, "the part that is left", 0.0, 1.0)
_FIELD: Final = Parameter("field", "price", "which numbers", choices=("price", "size"))
_ROWS: Final = Parameter("rows", 1, "how many rows", 1, 1_000)


# Over thirty lines, as a catalogue is read one entry a line.
def _rest() -> tuple[Fault, ...]:
    return tuple(
        Fault(name, Side.REST, Timing.EACH, _OF_REQUESTS, says, parameters)
        for name, says, parameters in (
            ("delay-before", "the request waits before it is looked at", (_DELAY,)),
            ("delay-after", "the request takes effect at once and is answered late", (_DELAY,)),
            ("status-before", "an HTTP error; the request never took effect", _STATUS),
            ("status-after", "an HTTP error, although the request took effect", _STATUS),
            ("timeout-before", "no answer ever; the request never took effect", ()),
            ("timeout-after", "no answer ever, although the request took effect", ()),
            ("reset-before", "the connection ends without an answer; the request never took effect", _RESET),
            ("reset-after", "the connection ends without an answer, although the request took effect", _RESET),
            (
                "error-code",
                "a refusal of the exchange with a code of your choice; the request never took effect",
                (
                    Parameter("code", -1001, "the error code", -99_999, 0),
                    Parameter("status", 400, "HTTP status of the answer", 400, 599),
                    Parameter("words", "Injected by a fault.", "the text beside the code"),
                ),
            ),
            ("truncated", "status 200 with an answer that is too short", (_KEEP,)),
            ("cut-off", "status 200, and the connection ends in the midst of the answer", (_KEEP,)),
            ("garbage", "status 200 with random bytes", (Parameter("length", 64, "how many", 1, 1_000_000),)),
            ("html", "status 200 with a page of HTML", ()),
            ("empty", "status 200 without a body", ()),
            ("stale", "the first answer since arming is given again to the same request", ()),
            ("nan", "NaN at the touch of a book, or in the newest row", (_FIELD,)),
            ("negative", "a number below zero at the touch of a book, or in the newest row", (_FIELD,)),
            ("zero-price", "a price of 0 at the touch of a book, or in the newest row", ()),
            ("crossed", "a book or quote whose best bid is above its best ask", ()),
            (
                "one-sided",
                "a book or quote without one side",
                (Parameter("side", "asks", "the side that is missing", choices=("bids", "asks")),),
            ),
            ("duplicate-rows", "rows of a list come twice", (_ROWS,)),
            ("shuffled-rows", "rows of a list come in another order", ()),
            ("dropped-rows", "rows of a list are missing", (_ROWS,)),
            (
                "clock-skew",
                "the exchange's clock is off, in what it tells and in the time window of signed requests",
                (Parameter("skew_ms", 5_000, "ms ahead; negative is behind", -_HOUR_MS, _HOUR_MS),),
            ),
            (
                "hidden-order",
                "questions for orders do not find one that was just accepted",
                (Parameter("hide_ms", 1_000, "ms after its acceptance", 1, _HOUR_MS),),
            ),
            ("foreign-order", "an answer about orders or fills carries the ids of somebody else's order", ()),
        )
    )


def _websocket() -> tuple[Fault, ...]:
    each = (
        ("gap", "a message is lost", ()),
        ("duplicate", "a message comes twice", ()),
        ("reorder", "a message comes after the next one of its stream", ()),
        ("delay", "a message and those behind it come late", (_DELAY,)),
        ("disconnect", "the connection ends after a message", ()),
        ("garbage-frame", "a message is replaced by text that is not JSON", ()),
        ("truncated-frame", "a message is cut short", (_KEEP,)),
    )
    return (
        *(Fault(name, Side.WEBSOCKET, Timing.EACH, _OF_MESSAGES, says, parameters) for name, says, parameters in each),
        Fault("silence", Side.WEBSOCKET, Timing.LASTING, _OF_MESSAGES, "no messages, while pings are answered"),
        Fault(
            "half-open",
            Side.WEBSOCKET,
            Timing.LASTING,
            ("client",),
            "no messages and no pongs, while the connection stays open",
        ),
        Fault(
            "listen-key-expired",
            Side.WEBSOCKET,
            Timing.ONCE,
            ("key",),
            "the listen key of an account expires before its time; its user stream is told and then silent",
        ),
    )


# Likewise long: one entry, one parameter a line.
def _account() -> tuple[Fault, ...]:
    return (
        Fault(
            "external-trade",
            Side.ACCOUNT,
            Timing.ONCE,
            ("symbol", "key"),
            "the account trades at market from elsewhere: nobody's client order id",
            (
                Parameter("side", "SELL", "which way", choices=("BUY", "SELL")),
                Parameter("size", "0.01", "how much, in the base currency"),
            ),
        ),
        Fault("liquidation", Side.ACCOUNT, Timing.ONCE, ("key",), "the account's positions are closed by force"),
        Fault(
            "partial-fill",
            Side.ACCOUNT,
            Timing.ONCE,
            ("symbol", "key"),
            "a resting order, or else the next one to rest, is traded against for a part of it",
            (Parameter("part", 0.5, "the part of what is open that is filled, at least one lot", 0.0, 1.0),),
        ),
        Fault("halted-symbol", Side.ACCOUNT, Timing.LASTING, ("symbol",), "a symbol accepts no orders, cancels only"),
        Fault(
            "filter-change",
            Side.ACCOUNT,
            Timing.ONCE,
            ("symbol",),
            "a symbol's grid changes to multiples of its own, and resting orders off it are cancelled",
            (
                Parameter("tick_size", "", "the new one, in quote currency; empty leaves it"),
                Parameter("lot_size", "", "the new one, in base currency; empty leaves it"),
                Parameter("min_notional", "", "the new one, in quote currency; empty leaves it"),
            ),
        ),
        Fault("key-revoked", Side.ACCOUNT, Timing.LASTING, ("key",), "a key is not accepted any more"),
    )


CATALOGUE: Final[Mapping[str, Fault]] = MappingProxyType(
    {fault.name: fault for fault in (*_rest(), *_websocket(), *_account())}
)
