"""The control endpoints and the plan behind them: who may arm what, and when it strikes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.exchange.control_client import ExchangeControl
from bot.exchange.faults.catalogue import CATALOGUE, Side, Timing
from bot.exchange.faults.plan import ENDPOINTS, FaultPlan, Schedule, Scope
from bot.exchange.process import ExchangeProcess, ExchangeSettings
from tests.exchange.signed import ask

BTC = "BTC/USDT:USDT"
_TOKEN = "for tests"
_ORDER = Scope(method="POST", path="/fapi/v1/order", symbol="BTCUSDT", key="local")


@pytest.fixture(scope="module")
def still() -> Iterator[ExchangeProcess]:
    """A market in virtual time with limits so tight that two requests are too much."""
    settings = ExchangeSettings(symbols=(BTC,), control_token=_TOKEN, virtual=True, weight_limit=2)
    process = ExchangeProcess.start(settings)
    yield process
    process.stop()


@pytest.fixture
def control(still: ExchangeProcess) -> Iterator[ExchangeControl]:
    steering = ExchangeControl(still.url, _TOKEN)
    yield steering
    steering.disarm()


async def test_without_a_token_of_its_own_an_exchange_has_no_control_endpoints() -> None:
    process = ExchangeProcess.start(ExchangeSettings(symbols=(BTC,)))
    try:
        for token in ("", "guessed"):
            with pytest.raises(UserError, match="nothing here"):
                ExchangeControl(process.url, token).armed()
    finally:
        process.stop()


async def test_a_wrong_token_is_refused(still: ExchangeProcess) -> None:
    with pytest.raises(UserError, match="X-Control-Token should hold the control token"):
        ExchangeControl(still.url, "guessed").arm("empty")
    async with aiohttp.ClientSession() as session, session.get(f"{still.url}/control/faults") as answer:
        assert answer.status == 401
        strange = {"X-Control-Token": "\udcff"}
        async with session.get(f"{still.url}/control/faults", headers=strange) as answer:
            assert answer.status == 401
    assert ExchangeControl(still.url, _TOKEN).armed() == []


async def test_an_exchange_that_is_not_there_is_a_plain_error() -> None:
    with pytest.raises(UserError, match="nobody answers at http://127"):
        ExchangeControl("http://127.0.0.1:9", _TOKEN).armed()
    with pytest.raises(UserError, match="should look like http://127"):
        ExchangeControl("127.0.0.1:8700", _TOKEN)


async def test_neither_faults_nor_limits_touch_control(still: ExchangeProcess, control: ExchangeControl) -> None:
    control.arm("timeout-before")
    control.arm("half-open")
    for _ in range(20):
        assert len(control.armed()) == 2
    statuses = [(await ask(still.url, "/control/nowhere")).status for _ in range(3)]

    assert statuses == [401] * 3
    assert control.disarm() == 2


async def test_the_catalogue_tells_every_fault_with_its_parameters(control: ExchangeControl) -> None:
    told = {one.name: one for one in control.catalogue()}

    assert list(told) == list(CATALOGUE)
    assert [one["name"] for one in told["status-after"].parameters] == ["status", "body", "code", "retry_after_s"]
    delay = told["delay-before"].parameters[0]
    assert (delay["default"], delay["low"], delay["high"]) == (1_000, 0, 3_600_000)
    assert told["half-open"].where == ("client",)
    assert (told["silence"].side, told["silence"].timing) == ("websocket", "lasting")
    assert all(one.says for one in told.values())


def test_every_default_is_within_its_own_bounds() -> None:
    for fault in CATALOGUE.values():
        assert fault.checked({}) == fault.checked({one.name: one.default for one in fault.parameters}), fault.name


async def test_an_armed_fault_tells_where_and_when_and_how_often(control: ExchangeControl) -> None:
    number = control.arm("delay-after", endpoint="order", symbol="BTCUSDT", count=2, probability=0.5, delay_ms=20)
    (armed,) = control.armed()

    assert (armed.number, armed.name, armed.seen, armed.struck) == (number, "delay-after", 0, 0)
    assert armed.where == {"endpoint": "order", "symbol": "BTCUSDT"}
    assert armed.when == {"skip": 0, "count": 2, "probability": 0.5, "after_ms": 0, "for_ms": 0}
    assert armed.parameters == {"delay_ms": 20}
    assert control.disarm(number) == 1
    assert control.armed() == []
    with pytest.raises(UserError, match=f"no fault with number {number} is armed"):
        control.disarm(number)


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("delay-befor", {}, "there is no fault delay-befor; did you mean delay-before?"),
        ("empty", {"endpoint": "dept"}, "there is no endpoint dept; did you mean depth?"),
        ("empty", {"path": "/fapi/v1/ordr"}, "did you mean /fapi/v1/order?"),
        ("empty", {"symbol": "BTCUSD"}, "no symbol BTCUSD; did you mean BTCUSDT?"),
        ("empty", {"key": "loca"}, "no key loca$"),
        ("empty", {"stream": "user"}, "cannot be armed for a stream, but for endpoint, method"),
        ("gap", {"endpoint": "depth"}, "cannot be armed for a endpoint|cannot be armed for an endpoint"),
        ("delay-after", {"delay": 5}, "no parameter delay; did you mean delay_ms?"),
        ("delay-after", {"delay_ms": -1}, "delay_ms should be a whole number from 0 to 3.6e.06, was -1"),
        ("delay-after", {"delay_ms": 1.5}, "was 1.5"),
        ("delay-after", {"delay_ms": "long"}, "was 'long'"),
        ("delay-after", {"delay_ms": True}, "was True"),
        ("reset-after", {"how": "hard"}, "how should be one of rst, close, was 'hard'"),
        ("empty", {"count": -1}, "count should be a whole number from 0"),
        ("empty", {"count": "3"}, "count should be of type int, was '3'"),
        ("empty", {"probability": 0}, "probability should be above 0 and at most 1, was 0"),
        ("silence", {"count": 3}, "fault silence lasts"),
        ("liquidation", {"probability": 0.5}, "strikes by the clock"),
    ],
)
async def test_mistakes_are_answered_with_what_was_expected(
    control: ExchangeControl, name: str, words: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        control.arm(name, **words)
    assert control.armed() == []


async def test_nonsense_is_refused_and_never_an_internal_error(still: ExchangeProcess) -> None:
    headers = {"X-Control-Token": _TOKEN}
    bodies = (b"", b"{", b"[]", b"1", b'{"nam": "empty"}', b'{"name": "empty", "where": 3}', b'{"name": 5}', b"\xff")
    async with aiohttp.ClientSession(headers=headers) as session:
        for path in ("faults", "advance"):
            for body in bodies:
                async with session.post(f"{still.url}/control/{path}", data=body) as answer:
                    assert answer.status == 400, (path, body)
                    assert (await answer.json())["error"]
        for query in ("number=x", "number=", "nmber=1"):
            async with session.delete(f"{still.url}/control/faults?{query}") as answer:
                assert answer.status == 400, query


async def test_time_moves_by_what_is_asked_for_and_the_same_seed_has_the_same_digest(
    still: ExchangeProcess, control: ExchangeControl
) -> None:
    start_ms = control.advance(0)
    assert control.advance(1_000) == start_ms + 1_000
    first = control.digest()
    control.advance(1_000)

    assert set(first) == {"tape", "accounts"}
    assert control.digest()["tape"] != first["tape"]


async def test_a_market_that_moves_by_itself_is_not_moved() -> None:
    process = ExchangeProcess.start(ExchangeSettings(symbols=(BTC,), control_token=_TOKEN))
    try:
        with pytest.raises(UserError, match="moves by itself"):
            ExchangeControl(process.url, _TOKEN).advance(100)
    finally:
        process.stop()


def _strikes(plan: FaultPlan, spot: Scope, times: int) -> list[bool]:
    return [bool(plan.strike(Side.REST, spot)) for _ in range(times)]


def test_a_counted_fault_strikes_the_next_ones_after_those_it_skips() -> None:
    plan = FaultPlan(1)
    plan.arm("empty", Scope(endpoint="order"), Schedule(skip=2, count=3), {})

    assert _strikes(plan, _ORDER, 7) == [False, False, True, True, True, False, False]


def test_a_fault_strikes_only_where_it_is_armed() -> None:
    for scope, strikes in (
        (Scope(), True),
        (Scope(endpoint="order"), True),
        (Scope(endpoint="depth"), False),
        (Scope(method="GET"), False),
        (Scope(method="POST", path="/fapi/v1/order", symbol="BTCUSDT", key="local"), True),
        (Scope(symbol="ETHUSDT"), False),
        (Scope(key="other"), False),
    ):
        plan = FaultPlan(1)
        plan.arm("empty", scope, Schedule(), {})
        assert _strikes(plan, _ORDER, 1) == [strikes], scope


def test_a_scheduled_fault_strikes_within_its_time() -> None:
    plan = FaultPlan(1)
    plan.now_ms = 5_000
    plan.arm("empty", Scope(), Schedule(after_ms=1_000, for_ms=500), {})
    struck = []
    for plan.now_ms in (5_000, 5_999, 6_000, 6_499, 6_500, 9_000):
        struck += _strikes(plan, _ORDER, 1)

    assert struck == [False, False, True, True, False, False]


def test_chance_is_that_of_the_seed_and_of_no_other_fault() -> None:
    def drawn(seed: int, *others: str) -> list[bool]:
        plan = FaultPlan(seed)
        armed = plan.arm("empty", Scope(), Schedule(probability=0.3), {})
        for other in others:
            plan.arm(other, Scope(), Schedule(probability=0.9), {})
        return [armed in plan.strike(Side.REST, _ORDER) for _ in range(2_000)]

    assert drawn(1) == drawn(1, "garbage", "html")
    assert drawn(1) != drawn(2)
    assert 520 < sum(drawn(1)) < 680


@given(
    skip=st.integers(0, 20),
    count=st.integers(0, 20),
    probability=st.floats(0.05, 1.0),
    fitting=st.lists(st.booleans(), max_size=80),
)
def test_no_schedule_strikes_more_often_than_it_may(
    skip: int, count: int, probability: float, fitting: list[bool]
) -> None:
    plan = FaultPlan(7)
    armed = plan.arm("empty", Scope(symbol="BTCUSDT"), Schedule(skip, count, probability), {})
    struck = [bool(plan.strike(Side.REST, _ORDER if fits else Scope(symbol="ETHUSDT"))) for fits in fitting]

    assert not any(hit for hit, fits in zip(struck, fitting, strict=True) if not fits)
    assert sum(struck) == armed.struck
    assert not count or armed.struck <= count
    assert armed.struck <= max(0, fitting.count(True) - skip)
    if probability == 1.0:
        least = max(0, fitting.count(True) - skip)
        assert armed.struck == (min(count, least) if count else least)


def test_lasting_faults_are_on_and_those_of_the_clock_are_due() -> None:
    plan = FaultPlan(1)
    plan.arm("silence", Scope(stream="btcusdt@depth*"), Schedule(after_ms=100, for_ms=100), {})
    once = plan.arm("liquidation", Scope(), Schedule(after_ms=100), {})
    spots = (Scope(client=1, stream="btcusdt@depth@100ms"), Scope(client=1, stream="btcusdt@trade"))
    on = []
    for plan.now_ms in (99, 100, 199, 200):
        on.append([bool(plan.on("silence", spot)) for spot in spots])

    assert on == [[False, False], [True, False], [True, False], [False, False]]
    assert once.schedule.count == 1
    assert once.fault.timing is Timing.ONCE


def test_a_thousand_faults_are_enough() -> None:
    plan = FaultPlan(1)
    for _ in range(1_000):
        plan.arm("empty", Scope(), Schedule(), {})
    with pytest.raises(UserError, match="at most 1000 faults"):
        plan.arm("empty", Scope(), Schedule(), {})
    assert len(plan.disarm()) == 1_000


async def test_every_endpoint_with_a_nickname_is_served(still: ExchangeProcess, control: ExchangeControl) -> None:
    for nickname in ENDPOINTS:
        assert control.arm("empty", endpoint=nickname) > 0
    assert control.disarm() == len(ENDPOINTS)


def test_every_fault_of_the_catalogue_is_shown_at_work_in_a_test() -> None:
    named: set[object] = set()
    for name in ("test_faults_rest.py", "test_faults_wire.py", "test_faults_account.py"):
        tree = ast.parse((Path(__file__).parent / name).read_text(encoding="utf-8"))
        named |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}

    assert set(CATALOGUE) - named == set()
