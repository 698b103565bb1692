"""A strategy that computes too long is cut off; one that is quick, or only waits, is not."""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.deadline import AlarmDeadline, PatrolDeadline, patrolled
from bot.trading import Answer
from bot.trading.guard import Deadline, StrategyOverrun

KEY = ("queue", "BTC/USDT:USDT", 7)
LIMIT_NS = 40_000_000


@pytest.fixture(params=[AlarmDeadline, PatrolDeadline])
def deadline(request: pytest.FixtureRequest) -> Iterator[Deadline]:
    with request.param(LIMIT_NS, "40ms") as made:
        yield made


def computing(seconds: float) -> Callable[[], Answer]:
    def call() -> None:
        ends_s = time.thread_time() + seconds
        while time.thread_time() < ends_s:
            pass

    return call


def test_a_call_that_hangs_is_cut_off(deadline: Deadline) -> None:
    with pytest.raises(StrategyOverrun, match=r"decide took longer than strategy\.time_limit = 40ms and was cut off"):
        deadline.run(computing(60.0), KEY)


def test_every_call_that_hangs_is_cut_off_soon_after_its_limit(deadline: Deadline) -> None:
    for _ in range(3):
        began_s = time.thread_time()
        with pytest.raises(StrategyOverrun):
            deadline.run(computing(60.0), KEY)
        assert 0.04 <= time.thread_time() - began_s < 0.16
        deadline.run(computing(0.0), KEY)


def test_calls_within_the_limit_are_left_alone_however_many_there_are(deadline: Deadline) -> None:
    for _ in range(30):
        assert deadline.run(computing(0.012), KEY) is None


def test_a_call_that_waits_for_the_processor_is_not_cut_off_but_one_that_waits_on_is(deadline: Deadline) -> None:
    assert deadline.run(lambda: time.sleep(0.12), KEY) is None
    began_s = time.monotonic()
    with pytest.raises(StrategyOverrun):
        deadline.run(lambda: time.sleep(30.0), KEY)
    assert time.monotonic() - began_s < 5.0  # ten times the limit, and a busy machine's share


def test_what_computes_between_calls_is_nobodys_fault(deadline: Deadline) -> None:
    deadline.run(computing(0.0), KEY)
    computing(0.2)()
    assert deadline.run(computing(0.0), KEY) is None


def test_a_call_that_swallows_being_cut_off_is_cut_off_again_in_a_backtest() -> None:
    swallowed = []

    def stubborn() -> None:
        while True:
            try:
                computing(60.0)()
            except StrategyOverrun as overrun:
                swallowed.append(overrun)
                if len(swallowed) == 2:
                    raise

    with PatrolDeadline(LIMIT_NS, "40ms") as deadline, pytest.raises(StrategyOverrun):
        deadline.run(stubborn, KEY)


@pytest.mark.parametrize("cls", [AlarmDeadline, PatrolDeadline])
def test_the_timer_is_given_back_as_it_was(cls: Callable[[int, str], AlarmDeadline | PatrolDeadline]) -> None:
    before = signal.getsignal(signal.SIGALRM)
    with cls(LIMIT_NS, "40ms") as deadline:
        deadline.run(computing(0.0), KEY)

    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_was_there_before_costs_no_call_the_time_of_the_garbage_collector() -> None:
    with patrolled(LIMIT_NS, "40ms") as limited:
        assert isinstance(limited, PatrolDeadline)
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_where_nothing_can_be_interrupted_calls_are_let_be() -> None:
    def asked() -> Answer:
        with patrolled(LIMIT_NS, "40ms") as limited:
            return limited.run(computing(0.2), KEY)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asked).result() is None
