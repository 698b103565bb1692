"""Nothing wrong gets past the edge, and nothing but BadMarketData comes out of refusing it."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import BadMarketData
from bot.feed.validate import BookValidator, Grid, Print, Snapshot, check_trades
from bot.types import Instrument, InstrumentKind, Side

BTC = Instrument("BTC/USDT:USDT", InstrumentKind.LINEAR, "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))


def book(**changed: Any) -> dict[str, Any]:
    """A good answer of ccxt, with some fields changed."""
    return {
        "symbol": BTC.symbol,
        "bids": [[100.0, 1.0], [99.9, 2.0], [99.7, 0.003]],
        "asks": [[100.1, 1.5], [100.3, 2.5]],
        "timestamp": 1_700_000_000_000,
        "datetime": "2023-11-14T22:13:20.000Z",
        "nonce": 7,
        **changed,
    }


def sale(**changed: Any) -> dict[str, Any]:
    """A good trade of ccxt, with some fields changed."""
    return {
        "id": "41",
        "symbol": BTC.symbol,
        "timestamp": 1_700_000_000_000,
        "price": 100.1,
        "amount": 0.25,
        "side": "buy",
        "info": {},
        **changed,
    }


def test_a_good_book_becomes_integer_ticks_and_lots() -> None:
    seen = BookValidator(BTC).check(book(), 5)

    assert seen.bid_ticks.tolist() == [1000, 999, 997]
    assert seen.bid_lots.tolist() == [1000, 2000, 3]
    assert seen.ask_ticks.tolist() == [1001, 1003]
    assert seen.ask_lots.tolist() == [1500, 2500]
    assert (seen.nonce, seen.exchange_ns, seen.local_ns) == (7, 1_700_000_000_000_000_000, 5)


def test_a_book_without_stamps_is_good() -> None:
    seen = BookValidator(BTC).check(book(nonce=None, timestamp=None), 5)

    assert (seen.nonce, seen.exchange_ns) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("empty", {"bids": [], "asks": []}),
        ("one_sided", {"bids": []}),
        ("one_sided", {"asks": []}),
        ("crossed", {"bids": [[100.2, 1.0]]}),
        ("locked", {"bids": [[100.1, 1.0]]}),
        ("not_a_number", {"bids": [[float("nan"), 1.0]]}),
        ("not_a_number", {"bids": [[100.0, float("nan")]]}),
        ("not_a_number", {"bids": [[None, 1.0]]}),
        ("negative", {"bids": [[-100.0, 1.0]]}),
        ("negative", {"asks": [[100.1, -1.0]]}),
        ("zero_price", {"bids": [[0.0, 1.0]]}),
        ("zero_size", {"bids": [[100.0, 0]]}),
        ("off_grid", {"bids": [[99.95, 1.0]]}),
        ("off_grid", {"bids": [[100.0, 1.0005]]}),
        ("off_grid", {"bids": [[1e-9, 1.0]]}),
        ("unsorted", {"bids": [[99.9, 1.0], [100.0, 1.0]]}),
        ("unsorted", {"asks": [[100.2, 1.0], [100.1, 1.0]]}),
        ("duplicate_level", {"bids": [[100.0, 1.0], [100.0, 2.0]]}),
        ("wrong_symbol", {"symbol": "ETH/USDT:USDT"}),
        ("wrong_symbol", {"symbol": None}),
        ("wrong_shape", {"bids": None}),
        ("wrong_shape", {"bids": {"100": 1}}),
        ("wrong_shape", {"bids": [[100.0]]}),
        ("wrong_shape", {"bids": ["100"]}),
        ("wrong_shape", {"bids": [["100", "1"]]}),
        ("wrong_shape", {"bids": [[True, 1.0]]}),
        ("wrong_shape", {"nonce": "7"}),
        ("wrong_shape", {"timestamp": 1.5}),
        ("negative", {"nonce": -1}),
        ("too_large", {"nonce": 2**63}),
        ("too_large", {"timestamp": 10**18}),
        ("too_large", {"asks": [[100.1, float("inf")]]}),
        ("too_large", {"asks": [[1e300, 1.0]]}),
        ("too_large", {"asks": [[10**400, 1.0]]}),
        ("too_large", {"asks": [[100.1, 1e15]]}),
    ],
)
def test_a_bad_book_is_refused_by_its_kind(kind: str, changed: dict[str, Any]) -> None:
    with pytest.raises(BadMarketData) as refusal:
        BookValidator(BTC).check(book(**changed), 5)

    assert kind == refusal.value.kind
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("answer", [None, [], "busy", b"", 7, object(), {}])
def test_what_is_not_a_book_is_refused(answer: object) -> None:
    with pytest.raises(BadMarketData):
        BookValidator(BTC).check(answer, 5)


@pytest.mark.parametrize("older", [{"nonce": 6}, {"timestamp": 1_699_999_999_999}])
def test_a_book_older_than_the_last_one_is_stale(older: dict[str, int]) -> None:
    validator = BookValidator(BTC)
    validator.check(book(), 5)

    with pytest.raises(BadMarketData) as refusal:
        validator.check(book(**older), 6)

    assert refusal.value.kind == "stale"


def test_the_same_book_again_is_not_stale() -> None:
    validator = BookValidator(BTC)
    validator.check(book(), 5)

    assert validator.check(book(), 6).nonce == 7


def test_a_refused_book_leaves_no_watermark() -> None:
    validator = BookValidator(BTC)
    with pytest.raises(BadMarketData):
        validator.check(book(nonce=10**9, bids=[]), 5)

    assert validator.check(book(), 6).nonce == 7


def test_an_older_book_that_never_moves_stays_stale() -> None:
    validator = BookValidator(BTC)
    validator.check(book(), 5)

    for _ in range(50):
        with pytest.raises(BadMarketData):
            validator.check(book(nonce=3), 6)


def test_older_books_that_go_on_are_in_the_end_a_restarted_exchange() -> None:
    validator = BookValidator(BTC)
    validator.check(book(nonce=1000), 5)
    refused, accepted = 0, None
    for nonce in range(1, 20):
        try:
            accepted = validator.check(book(nonce=nonce), 6)
        except BadMarketData:
            refused += 1
            continue
        break

    assert refused == 9
    assert accepted is not None
    assert accepted.restarted
    assert not validator.check(book(nonce=accepted.nonce + 1), 7).restarted


def assert_good(seen: Snapshot) -> None:
    """What every accepted book must be, checked without the validator's own means."""
    bids, asks = seen.bid_ticks.tolist(), seen.ask_ticks.tolist()
    assert bids
    assert asks
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert bids[0] < asks[0]
    assert bids[-1] > 0
    assert min(seen.bid_lots.tolist() + seen.ask_lots.tolist()) > 0


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**310),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.lists(st.one_of(st.none(), st.floats(), st.text(max_size=2)), max_size=3),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=2),
    st.sampled_from([float("nan"), float("inf"), 1e308, 5e-324, -0.0, 0, 100.0, 100.1, [100.0, 1.0], "100.0", "1e400"]),
)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_a_mutated_book_is_good_or_refused_and_nothing_else(data: st.DataObject) -> None:
    answer: Any = copy.deepcopy(book())
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(answer, data)
    try:
        seen = BookValidator(BTC).check(answer, 5)
    except BadMarketData:
        return
    assert_good(seen)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_trades_are_good_or_refused_and_nothing_else(data: st.DataObject) -> None:
    answer: Any = [sale(), sale(id="42", side="sell")]
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(answer, data)
    try:
        prints = check_trades(answer, Grid(BTC))
    except BadMarketData:
        return
    assert all(one.ticks > 0 and one.lots > 0 and 0 <= one.id < 2**63 and one.exchange_ns > 0 for one in prints)


@given(JUNK)
def test_any_junk_is_refused_as_a_book_and_as_trades(junk: object) -> None:
    with pytest.raises(BadMarketData):
        BookValidator(BTC).check(junk, 5)
    if junk != []:
        with pytest.raises(BadMarketData):
            check_trades(junk, Grid(BTC))


def mutate(answer: Any, data: st.DataObject) -> None:
    """Replace or delete one place somewhere in a tree of dicts and lists."""
    spot = answer
    while True:
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if isinstance(spot[key], (dict, list)) and spot[key] and data.draw(st.integers(0, 3)):
            spot = spot[key]
            continue
        if data.draw(st.booleans()):
            spot[key] = data.draw(JUNK)
        else:
            del spot[key]
        return


def test_trades_keep_the_exchange_s_number_and_the_aggressor() -> None:
    prints = check_trades([sale(), sale(id="42", side="sell", price=100, amount=1)], Grid(BTC))

    assert [
        Print(41, True, 1_700_000_000_000_000_000, Side.BUY, 1001, 250),
        Print(42, True, 1_700_000_000_000_000_000, Side.SELL, 1000, 1000),
    ] == prints


def test_an_id_that_is_no_number_gets_a_stable_63_bit_one() -> None:
    first, second, other = check_trades([sale(id="ab-1"), sale(id="ab-1"), sale(id="ab-2")], Grid(BTC))

    assert first == second
    assert first.id != other.id
    assert not first.numbered
    assert 0 <= first.id < 2**63


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("wrong_shape", {"id": None}),
        ("wrong_shape", {"side": None}),
        ("wrong_shape", {"timestamp": None}),
        ("wrong_symbol", {"symbol": "ETH/USDT:USDT"}),
        ("not_a_number", {"price": None}),
        ("zero_size", {"amount": 0.0}),
        ("off_grid", {"price": 100.05}),
        ("too_large", {"timestamp": 10**17}),
    ],
)
def test_a_bad_trade_is_refused_by_its_kind(kind: str, changed: dict[str, Any]) -> None:
    with pytest.raises(BadMarketData) as refusal:
        check_trades([sale(), sale(**changed)], Grid(BTC))

    assert kind == refusal.value.kind


@given(st.integers(1, 2**40), st.sampled_from(["0.1", "0.01", "0.00001", "0.5", "0.25", "10", "1e-8", "0.0003"]))
def test_every_price_on_the_grid_is_read_back_exactly(ticks: int, tick_size: str) -> None:
    instrument = Instrument("A/B", InstrumentKind.SPOT, "A", "B", Decimal(tick_size), Decimal(1))
    price = float(instrument.price(ticks))

    assert Grid(instrument).steps([price, 1])[0].tolist() == [ticks]
