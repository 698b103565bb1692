"""Which faults are armed, and whether one of them strikes now: by place, by count, by chance and by market time.

Every armed fault draws from a random generator of its own, seeded by the exchange's seed and its number. So the same
faults armed in the same order strike the same requests, whatever else is armed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from random import Random
from types import MappingProxyType
from typing import Any, Final

from bot.errors import UserError
from bot.exchange.faults.catalogue import Fault, Setting, Side, Timing, fault_named
from bot.nearest import did_you_mean

ENDPOINTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ping": ("/fapi/v1/ping",),
        "time": ("/fapi/v1/time",),
        "instruments": ("/fapi/v1/exchangeInfo",),
        "depth": ("/fapi/v1/depth",),
        "trades": ("/fapi/v1/trades", "/fapi/v1/aggTrades"),
        "mark": ("/fapi/v1/premiumIndex",),
        "interest": ("/fapi/v1/openInterest",),
        "quote": ("/fapi/v1/ticker/bookTicker",),
        "order": ("/fapi/v1/order", "/fapi/v1/openOrder"),
        "orders": ("/fapi/v1/openOrders", "/fapi/v1/allOrders", "/fapi/v1/allOpenOrders"),
        "fills": ("/fapi/v1/userTrades",),
        "balance": ("/fapi/v2/account", "/fapi/v3/account", "/fapi/v2/balance", "/fapi/v3/balance"),
        "positions": ("/fapi/v2/positionRisk", "/fapi/v3/positionRisk"),
        "leverage": ("/fapi/v1/leverage", "/fapi/v1/leverageBracket", "/fapi/v1/marginType"),
        "income": ("/fapi/v1/income",),
        "rights": ("/sapi/v1/account/apiRestrictions",),
        "countdown": ("/fapi/v1/countdownCancelAll",),
        "listen-key": ("/fapi/v1/listenKey",),
    }
)
ANSWERS: Final = "answer"
_LONGEST_MS: Final = 10**12
_MOST_ARMED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a fault strikes; an empty field is everywhere.

    `endpoint` is a nickname of `ENDPOINTS`, `symbol` the exchange's name (`BTCUSDT`), `key` an API key, `client` the
    number of a WebSocket connection in the order of connecting (0 for all), `stream` a pattern (`btcusdt@depth*`,
    `user`). Answers to a client's requests are a stream named `answer`, which has to be named to be met.
    """

    endpoint: str = ""
    method: str = ""
    path: str = ""
    symbol: str = ""
    key: str = ""
    client: int = 0
    stream: str = ""

    def holds(self, spot: Scope) -> bool:
        """Tell whether one request or one message, which names where it is, lies within."""
        return (
            (not self.endpoint or spot.path in ENDPOINTS[self.endpoint])
            and self.method in ("", spot.method)
            and self.path in ("", spot.path)
            and self.symbol in ("", spot.symbol)
            and self.key in ("", spot.key)
            and self.client in (0, spot.client)
            and (fnmatchcase(spot.stream, self.stream) if self.stream else spot.stream != ANSWERS)
        )


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a fault strikes: not the first `skip` that fit, then each with `probability`, at most `count` times (0: any
    number), from `after_ms` of market time after arming and for `for_ms` (0: until disarmed).
    """

    skip: int = 0
    count: int = 0
    probability: float = 1.0
    after_ms: int = 0
    for_ms: int = 0


@dataclass(slots=True, eq=False)
class Armed:
    """A fault that waits for its time: how often something fitted its scope (`seen`) and how often it struck.

    `kept` remembers what a fault needs from one strike to the next.
    """

    number: int
    fault: Fault
    scope: Scope
    schedule: Schedule
    parameters: Mapping[str, Setting]
    since_ms: int
    random: Random
    seen: int = 0
    struck: int = 0
    kept: dict[str, bytes] = field(default_factory=dict)

    def is_on(self, now_ms: int) -> bool:
        """Tell whether its time has come and is not over, and its count is not used up."""
        start = self.since_ms + self.schedule.after_ms
        over = self.schedule.for_ms and now_ms >= start + self.schedule.for_ms
        return start <= now_ms and not over and (not self.schedule.count or self.struck < self.schedule.count)

    def meet(self, now_ms: int) -> bool:
        """Tell whether it strikes what just fitted its scope; this counts."""
        if not self.is_on(now_ms):
            return False
        self.seen += 1
        if self.seen <= self.schedule.skip:
            return False
        if self.schedule.probability < 1.0 and self.random.random() >= self.schedule.probability:
            return False
        self.struck += 1
        return True

    def miss(self) -> None:
        """Take a strike back that found nothing to change."""
        self.struck -= 1

    def whole(self, name: str) -> int:
        """A parameter that is a whole number."""
        return int(self.parameters[name])

    def number_of(self, name: str) -> float:
        """A parameter that is a number."""
        return float(self.parameters[name])

    def text(self, name: str) -> str:
        """A parameter that is a text."""
        return str(self.parameters[name])


class FaultPlan:
    """The armed faults of one exchange. `paths` are those it serves, `symbols` and `keys` those it knows (none: any).

    `now_ms` is market time, kept by whoever moves the market.
    """

    def __init__(
        self, seed: int, paths: Iterable[str] = (), symbols: Iterable[str] = (), keys: Iterable[str] = ()
    ) -> None:
        self._seed = seed
        self._known = {"path": frozenset(paths), "symbol": frozenset(symbols), "key": frozenset(keys)}
        self.now_ms = 0
        self._armed: dict[int, Armed] = {}
        self._last = 0

    def arm(self, name: str, scope: Scope, schedule: Schedule, parameters: Mapping[str, object]) -> Armed:
        """Arm a fault.

        Raises:
            UserError: a name, a place or a number is not one there is; the text tells the nearest.
        """
        fault = fault_named(name)
        self._check_scope(fault, scope)
        _check_schedule(fault, schedule)
        if len(self._armed) >= _MOST_ARMED:
            raise UserError(f"at most {_MOST_ARMED} faults may be armed at a time; disarm some")
        checked = fault.checked(parameters)
        if fault.timing is Timing.ONCE and not schedule.count:
            schedule = replace(schedule, count=1)
        self._last += 1
        random = Random(f"{self._seed}/{self._last}/{name}")
        armed = Armed(self._last, fault, scope, schedule, MappingProxyType(checked), self.now_ms, random)
        self._armed[self._last] = armed
        return armed

    def disarm(self, number: int | None = None) -> list[Armed]:
        """Disarm one, or all of them; those that were armed come back.

        Raises:
            UserError: no fault of that number is armed.
        """
        if number is None:
            gone, self._armed = list(self._armed.values()), {}
            return gone
        if number not in self._armed:
            raise UserError(f"no fault with number {number} is armed")
        return [self._armed.pop(number)]

    @property
    def is_empty(self) -> bool:
        """True while nothing is armed."""
        return not self._armed

    def armed(self, side: Side | None = None) -> list[Armed]:
        """Everything that is armed, or that of one side, in the order of arming."""
        return [one for one in self._armed.values() if side is None or one.fault.side is side]

    def strike(self, side: Side, spot: Scope) -> list[Armed]:
        """Those that strike a request or a message at `spot`; each counts it."""
        if not self._armed:
            return []
        return [
            one
            for one in self._armed.values()
            if one.fault.side is side
            and one.fault.timing is Timing.EACH
            and one.scope.holds(spot)
            and one.meet(self.now_ms)
        ]

    def on(self, name: str, spot: Scope) -> list[Armed]:
        """Those of a lasting fault that are on at `spot`; nothing is counted."""
        if not self._armed:
            return []
        return [
            one
            for one in self._armed.values()
            if one.fault.name == name and one.scope.holds(spot) and one.is_on(self.now_ms)
        ]

    def _check_scope(self, fault: Fault, scope: Scope) -> None:
        if scope.endpoint and scope.endpoint not in ENDPOINTS:
            raise UserError(f"there is no endpoint {scope.endpoint}{did_you_mean(scope.endpoint, ENDPOINTS)}")
        for name, known in self._known.items():
            asked = str(getattr(scope, name))
            if asked and known and asked not in known:
                near = did_you_mean(asked, known) if name != "key" else ""  # keys are nobody's to guess
                raise UserError(f"the exchange has no {name} {asked}{near}")
        for name in Scope.__dataclass_fields__:
            if getattr(scope, name) and name not in fault.where:
                raise UserError(f"fault {fault.name} cannot be armed for a {name}, but for {', '.join(fault.where)}")


def _check_schedule(fault: Fault, schedule: Schedule) -> None:
    for name in ("skip", "count", "after_ms", "for_ms"):
        if not 0 <= getattr(schedule, name) <= _LONGEST_MS:
            raise UserError(f"{name} should be a whole number from 0 to {_LONGEST_MS}, was {getattr(schedule, name)}")
    if not 0.0 < schedule.probability <= 1.0:
        raise UserError(f"probability should be above 0 and at most 1, was {schedule.probability}")
    if fault.timing is not Timing.EACH and (schedule.skip or schedule.probability < 1.0):
        raise UserError(f"fault {fault.name} strikes by the clock: it takes after_ms, not skip or probability")
    if fault.timing is Timing.LASTING and schedule.count:
        raise UserError(f"fault {fault.name} lasts: it takes after_ms and for_ms, not count")


def described(armed: Armed) -> dict[str, Any]:
    """An armed fault in words of JSON."""
    return {
        "number": armed.number,
        "name": armed.fault.name,
        "where": {
            name: getattr(armed.scope, name) for name in Scope.__dataclass_fields__ if getattr(armed.scope, name)
        },
        "when": {name: getattr(armed.schedule, name) for name in Schedule.__dataclass_fields__},
        "parameters": dict(armed.parameters),
        "seen": armed.seen,
        "struck": armed.struck,
    }
