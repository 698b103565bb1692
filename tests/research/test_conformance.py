"""What `check strategy` finds: strategies that break one promise each, and the shipped ones that keep them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from bot.config import Config, load
from bot.errors import ConfigError
from bot.plugins import Plugins
from bot.research.conformance import checks
from bot.research.conformance.checks import Made, made
from bot.research.conformance.made_market import SYMBOL, instrument, made_market
from bot.research.conformance.report import Conformance, conformance
from bot.research.conformance.subject import Subject, spans, subjects
from bot.research.conformance.trial import Trial, on_made_market
from bot.trading.compiled import CompiledStrategy
from bot.trading.compiled.views import made_views
from bot.trading.loading import LoadedStrategy
from bot.types import Batch, Kind
from tests.trading.compiled.written import HEAD, written

HOLDS = "return Hold('x', {'lean': see['depth_imbalance(5)']})"


def asked(body: str, head: str = HEAD) -> list[Made]:
    """A strategy's answers to made-up views, with its default parameters."""
    loaded = written(body, head)
    found, _ = subjects(loaded, load(None, [], {}), 1, compiled=False)
    return [made(found[0], 1, 200)]


def found_by(loaded: LoadedStrategy, config: Config | None = None) -> Conformance:
    """All checks on a short made-up market."""
    settings = config or load(None, [], {})
    whole = on_made_market(tuple(loaded.cls.signals))
    short = made_market([SYMBOL], 400, 1)
    trial = Trial("a short market", whole.instruments, short, 1)
    return conformance(loaded, settings, trial, lambda done, rows: None)


def test_a_strategy_that_keeps_its_promises_passes_every_check() -> None:
    found = found_by(written(HOLDS))

    assert found.ok
    assert [check.name for check in found.checks] == [
        *("answers in a run", "answers in range", "changes nothing", "repeatable", "pure", "compiled = plain"),
    ]
    assert found.compiled is not None
    assert 0 < found.compiled.p50_ns < found.plain.p50_ns
    assert "400 decisions" not in found.checks[0].found  # every 250 ms, in three lanes
    assert found.params == {"share": 0.5, "depth": 3, "free": 3, "fast": True, "mode": "a"}


def test_an_exception_at_an_edge_is_found_with_the_view() -> None:
    check = checks.failures(asked("return Hold('x', {'a': 1 / see['depth_imbalance(5)']})"))

    assert not check.ok
    assert check.difference is not None
    assert check.difference.see["depth_imbalance(5)"] == 0.0
    assert "ZeroDivisionError" in str(check.difference.first)


def test_an_answer_out_of_range_is_found() -> None:
    check = checks.failures(asked("return Target(see['depth_imbalance(5)'] * 2)"))

    assert not check.ok
    assert "Target.exposure should be a number from -1 to 1" in str(check.difference)


def test_a_strategy_that_writes_to_what_it_is_given_is_found() -> None:
    check = checks.untouched(asked("see.row[0] = 0.25\nreturn None"))

    assert not check.ok
    assert "the row or the names of" in check.found


def test_a_strategy_that_counts_is_repeatable_but_not_pure() -> None:
    counting = asked("self.free += 1\nreturn Hold('x', {'n': self.free})")

    assert checks.repeatable(counting).ok
    assert not checks.pure(counting).ok
    assert "it keeps free" in checks.pure(counting).found


def test_what_is_kept_outside_of_the_fields_is_found_by_another_order() -> None:
    head = HEAD + "\n    seen: ClassVar[list] = []\n"
    asked_before = asked("self.seen.append(1)\nreturn Hold('x', {'n': len(self.seen)})", head)

    assert not checks.repeatable(asked_before).ok
    assert not checks.pure(asked_before).ok


def test_compiled_code_that_differs_is_shown_with_the_first_view() -> None:
    right, wrong = (
        written("return Hold('x', {'a': self.share})"),
        written("return Hold('x', {'a': self.share + 1e-15})"),
    )
    other = CompiledStrategy.of(wrong.build({}), wrong.source)
    subject = Subject(right, {}, subjects(right, load(None, [], {}), 1, compiled=False)[0][0].signals, other)

    check = checks.equal([made(subject, 1, 10)])

    assert not check.ok
    assert check.difference is not None
    assert "0.500000000000001" in str(check.difference.second)


def test_one_that_says_compiled_and_cannot_be_fails_with_the_reason() -> None:
    found = found_by(written("return Hold('x', {'a': see.bid ** 2})"))

    assert not found.ok
    assert found.refused.endswith("multiply, or use math.sqrt or math.exp: libraries round powers differently")
    assert all(check.ok for check in found.checks)  # as a plain one it is fine


@pytest.mark.parametrize("promise", ["None", "False"])
def test_one_that_does_not_say_so_may_keep_state(promise: str) -> None:
    head = HEAD.replace("True\n", f"{promise}\n", 1)
    found = found_by(written("self.free += 1\nreturn Hold('x', {'n': self.free})", head))

    assert found.ok
    assert found.compiled is None
    assert "pure" not in [check.name for check in found.checks]


def test_one_that_says_nothing_is_compared_with_its_compiled_form_and_one_that_says_no_is_not() -> None:
    undeclared, plain = (found_by(written(HOLDS, HEAD.replace("True\n", f"{each}\n", 1))) for each in (None, False))

    assert undeclared.ok
    assert undeclared.in_lanes
    assert [check.name for check in undeclared.checks][-2:] == ["pure", "compiled = plain"]
    assert undeclared.compiled is not None
    assert (plain.ok, plain.refused, plain.compiled, plain.says_compiled) == (True, "", None, False)


def test_the_least_and_the_most_of_every_parameter_are_tried() -> None:
    loaded = written(HOLDS)
    found, refused = subjects(loaded, load(None, [], {}), 1, compiled=False)

    assert [subject.params.get("share") for subject in found[:3]] == [None, -1.0, 1.0]
    assert [subject.params.get("depth") for subject in found[:3]] == [None, -10, 10]
    assert len({subject.params["share"] for subject in found[1:]}) == len(found) - 1
    assert refused == 0


def test_signals_that_never_have_a_value_are_told() -> None:
    loaded = written(HOLDS)
    trial = Trial("nothing", (instrument(),), iter(()), 0)

    with pytest.raises(ConfigError, match="nothing should make every signal warm"):
        conformance(loaded, load(None, [], {}), trial, lambda done, rows: None)


def test_made_up_views_lie_in_the_ranges_of_their_signals_and_at_their_edges() -> None:
    signals = spans(("depth_imbalance(5)", "spread", "mid", "forecast(5s)"), Plugins())
    views = made_views(Random(3), signals, (0.25,), 2_000)
    rows = np.array([see.row for see in views])

    assert not np.isnan(rows).any()
    assert {-1.0, 0.0, 1.0, 0.25, np.nextafter(0.25, 1), np.nextafter(0.25, 0)} <= set(rows[:, 0].tolist())
    assert ((rows[:, 0] >= -1) & (rows[:, 0] <= 1)).all()
    assert ((rows[:, 1] >= 0) & (rows[:, 1] <= 20_000)).all()
    mids = np.array([see.mid for see in views])
    assert (np.abs(rows[:, 2] / mids - 1) < 1)[mids > 1].all()
    assert {np.sign(see.position_lots) for see in views} == {-1, 0, 1}
    assert {len(see.open_orders) for see in views} == {0, 1, 2, 4}


def test_the_made_up_market_is_the_same_every_time_and_never_crossed() -> None:
    first, second = (list(made_market([SYMBOL, "ETH/USDT:USDT"], 120, 5)) for _ in range(2))

    assert [batch.symbol for batch in first[:2]] == [SYMBOL, "ETH/USDT:USDT"]
    assert all(np.array_equal(one.price, two.price) for one, two in zip(first, second, strict=True))
    assert np.array_equal(np.concatenate([batch.seq for batch in first]), np.arange(sum(map(len, first))))
    for batch in first:
        assert batch.last[-1] == 1
        assert (np.diff(batch.local_ns) >= 0).all()
    assert_uncrossed([replace(batch) for batch in first if batch.symbol == SYMBOL])


def assert_uncrossed(batches: Sequence[Batch]) -> None:
    """Follow the levels; after each message the best bid is below the best ask."""
    book: dict[tuple[int, int], int] = {}
    for batch in batches:
        for kind, price, size, last in zip(batch.kind, batch.price, batch.size, batch.last, strict=True):
            if kind in (Kind.BID, Kind.ASK):
                book[int(kind), int(price)] = int(size)
            if last:
                bids = [price for (kind, price), size in book.items() if kind == Kind.BID and size]
                asks = [price for (kind, price), size in book.items() if kind == Kind.ASK and size]
                assert max(bids) < min(asks)


def test_a_strategy_that_listens_to_another_market_gets_one_made_up() -> None:
    assert [each.symbol for each in on_made_market(("ofi(1s)@ETH/USDT:USDT", "spread")).instruments] == [
        SYMBOL,
        "ETH/USDT:USDT",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["imbalance_maker", "book_imbalance"])
def test_the_shipped_strategies_keep_every_promise(name: str) -> None:
    from bot.trading.loading import load as load_strategy

    loaded = load_strategy(name, [Path(__file__).parents[2] / "strategies"])
    config = load(None, [], {})
    found = conformance(loaded, config, on_made_market(tuple(loaded.cls.signals)), lambda done, rows: None)

    assert found.ok, found
    assert found.says_compiled


def test_a_strategy_that_hangs_is_cut_off_and_not_asked_again_and_again() -> None:
    loaded = written("while see['spread'] >= 0:\n    self.free += 1\nreturn None", HEAD.replace("= True", "= False"))

    found = found_by(loaded, load(None, ["strategy.time_limit=20ms"], {}))

    assert not found.ok
    assert [check.name for check in found.checks] == ["answers in a run", "answers in range"]
    assert all("strategy.time_limit = 20ms" in f"{check.found}{check.difference}" for check in found.checks)
    assert found.checks[1].found.startswith("1 of ")
