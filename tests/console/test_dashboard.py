"""The first screen: what has to be on it, at any size, and what a pipe gets in its place."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from bot.console.dashboard import Dashboard, progress_line, render, summary
from bot.console.screen import MarketLine, ReasonLine, Screen
from bot.types import HaltState
from tests.console.screens import BTC, lane, screen


def drawn(renderable: RenderableType, width: int, height: int = 30) -> str:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 30), (160, 40)])
def test_the_first_screen_tells_what_a_trader_wants_to_know(width: int, height: int) -> None:
    text = drawn(render(screen()), width, height)

    for words in (
        "ACTIVE",
        BTC,
        "100,000.05",
        "0.01 bps",
        "depth_imbalance(5)",
        "−1.23 USDT",
        "−7.89 to +4.56",
        "fees 3.21",
        "the expected move does not pay for the round trip",
        "cost_bps 10.01",
        "100,010",
        "12:00:06",
        "crossed",
    ):
        assert words in text


@pytest.mark.parametrize("height", [24, 30, 50])
@pytest.mark.parametrize("width", [80, 100, 150])
def test_the_first_screen_fits_its_terminal(width: int, height: int) -> None:
    lines = drawn(render(screen()), width, height).splitlines()

    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_a_small_terminal_shows_two_symbols_with_whole_numbers_and_its_last_line() -> None:
    one = screen()
    second = "ETH/USDT:USDT"
    full = screen(
        markets=(one.markets[0], replace(one.markets[0], symbol=second)),
        reasons=(one.reasons[0], replace(one.reasons[0], symbol=second)),
        orders=one.orders * 4,
        notes=("first", "second", "third"),
    )
    lines = drawn(render(full), 80, 24).splitlines()

    assert len(lines) <= 24
    assert lines[-1].startswith("Ctrl-C stops")
    assert sum("depth_imbalance(5) 0.42" in line and "ofi(1s) −3.5" in line for line in lines) == 2
    assert sum("100,010" in line for line in lines) > 1


def test_what_was_earned_before_this_run_stands_in_the_account_alone() -> None:
    later = replace(lane("queue", "-3.00"), before=Decimal("-2.50"))
    seen = screen(lanes=(later,))

    assert "P&L −0.50 USDT" in drawn(render(seen), 80)
    assert "P&L of this run −0.50 USDT" in drawn(render(seen), 100)
    assert "P&L −0.50 USDT" in progress_line(seen)
    assert "−0.50 USDT in this run" in drawn(summary(seen, {}, []), 100)
    assert "P&L since −3.00" in drawn(summary(seen, {}, []), 100)


def test_a_market_without_a_book_yet_says_so() -> None:
    unknown = replace(screen().markets[0], mid=math.nan)

    assert f"{BTC} no book yet" in progress_line(screen(markets=(unknown,)))


def test_a_halt_is_told_with_its_reason_and_the_way_out() -> None:
    text = drawn(render(screen(halt=HaltState.HALTED, halt_reason="daily loss: 210 USDT, limit 200 USDT")), 100)

    assert "HALTED" in text
    assert "daily loss: 210 USDT, limit 200 USDT" in text
    assert "imbalance resume" in text


def test_one_lane_has_no_interval() -> None:
    text = drawn(render(screen(lanes=(lane("queue", "-1.23"),))), 100)

    assert "−1.23 USDT" in text
    assert "by fill assumption" not in text


def test_a_feed_that_is_down_shows_instead_of_the_age_of_its_book() -> None:
    down = MarketLine(BTC, 0.0, 0.0, math.nan, math.nan, {}, 99.0, 0.0, False)

    assert "no feed" in drawn(render(screen(markets=(down,))), 100)


def test_before_anything_happened_every_part_says_so() -> None:
    empty: dict[str, Any] = dict.fromkeys(("lanes", "markets", "positions", "orders", "fills", "reasons", "notes"), ())
    text = drawn(render(screen(**empty)), 100)

    assert "no decision yet" in text
    assert "none yet" in text


def test_what_an_exchange_or_a_strategy_says_cannot_steer_the_terminal() -> None:
    reason = ReasonLine(BTC, "hold", "\x1b[2Jgone [bold red]x[/]\nnext", 1.0, {})
    text = drawn(render(screen(reasons=(reason,))), 100)

    assert "\x1b" not in text
    assert "[bold red]x[/] next" in text


@settings(max_examples=25, deadline=None)
@given(width=st.integers(60, 200), height=st.integers(20, 60), copies=st.integers(0, 6))
def test_any_size_and_number_of_symbols_can_be_drawn(width: int, height: int, copies: int) -> None:
    one = screen()
    many = screen(markets=one.markets * copies, reasons=one.reasons * copies, positions=one.positions * copies)
    lines = drawn(render(many), width, height).splitlines()

    assert max(map(len, lines)) <= width
    assert copies > 3 or height < 24 or len(lines) <= height


def test_a_pipe_gets_one_line_at_once_then_one_every_few_seconds_and_the_last_one() -> None:
    console = Console(file=io.StringIO(), width=80)
    with Dashboard(console, line_every_s=60) as dashboard:
        for decisions in (1, 2, 3):
            dashboard.update(screen(decisions=decisions))
    written = console.file
    assert isinstance(written, io.StringIO)

    lines = written.getvalue().splitlines()
    assert ["1 decision" in lines[0], "3 decisions" in lines[1], len(lines)] == [True, True, 2]


def test_a_terminal_is_given_back() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=30, _environ={})
    with Dashboard(console) as dashboard:
        dashboard.update(screen())
        dashboard.update(screen())
    written = console.file
    assert isinstance(written, io.StringIO)

    text = written.getvalue()
    assert text.startswith("\x1b[?1049h")
    assert text.endswith("\x1b[?25h\x1b[?1049l")


def test_a_line_says_state_prices_position_result_and_reason() -> None:
    line = progress_line(screen())

    assert "\n" not in line
    for words in ("2m05s", "active", "100,000.05", "position 0.01", "P&L −1.23 (−7.89 to +4.56", "hold: the expected"):
        assert words in line


def test_the_end_of_a_run_tells_its_result_and_where_to_look_further() -> None:
    text = drawn(summary(screen(), {BTC: Decimal("0.61")}, ["imbalance trades --run 3"]), 100)

    for words in ("−1.23 USDT", "−7.89 to +4.56", "3.21", "43%", "0.01 BTC/USDT:USDT kept", "costs 0.61 USDT"):
        assert words in text
    assert "imbalance trades --run 3" in text


def test_the_end_of_a_run_names_the_lanes_that_its_interval_lies_between() -> None:
    picked_off = (lane("queue", "-1.23"), lane("touch", "-7.89"), lane("through", "4.56"))

    text = drawn(summary(screen(lanes=picked_off), {}, []), 100)

    assert "−7.89 to +4.56 USDT over the fill assumptions (touch to through)" in text  # the kindest lane lost most


def test_the_end_of_a_run_without_a_trade_says_why() -> None:
    still: Screen = screen(fills=(), fills_count=0, maker_fills=0, positions=())
    text = drawn(summary(still, {}, []), 100)

    assert "no fills" in text
    assert "flat" in text
    assert "the expected move does not pay for the round trip" in text
