"""The micro-price: worked by hand, against plain matrices of all its states, and what it must do on clean books."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from bot.market.market import Market
from bot.market.signals.microprice import BINS, LEAST_SEEN, REFIT, WIDEST, state_of
from bot.types import NS_PER_MS, Batch, Floats, Instrument, Kind
from tests.market.doors import door
from tests.market.reference import Row, batch_of

Touch = tuple[int, int, int, int]  # bid ticks and lots, ask ticks and lots

NAMES = ("microprice(1h)", "microprice_lean(1h)", "mid")


def messages(touches: Sequence[Touch], start_ns: int = 1) -> Batch:
    """Return one message a touch, a nanosecond apart."""
    rows = []
    for index, (bid, bid_lots, ask, ask_lots) in enumerate(touches):
        now = start_ns + index
        rows += [
            Row(Kind.CLEAR, local_ns=now, last=False),
            Row(Kind.BID, bid, bid_lots, local_ns=now, last=False),
            Row(Kind.ASK, ask, ask_lots, local_ns=now),
        ]
    return batch_of(rows)


def leans(grid: Instrument, touches: Sequence[Touch], asked: Sequence[Touch]) -> list[float]:
    """Learn from `touches`; return the lean in ticks at each book of `asked`, which nothing is learnt from again."""
    market = Market(grid, NAMES)
    market.advance(messages(touches), 0, NS_PER_MS)
    market.sample(NS_PER_MS)
    found = []
    for index, touch in enumerate(asked, 1):
        now = (1 + index) * NS_PER_MS
        market.advance(messages([touch], now), 0, now + 1)
        price, lean, mid = market.sample(now)
        if not np.isnan(lean):
            assert price == pytest.approx(mid + 0.5 * lean, rel=1e-15)  # a tick is 0.5
        found.append(float(lean))
    return found


@dataclass(slots=True)
class Walk:
    """A touch that can be told to go on; `up` is +1 when the bid is the heavier side."""

    bid: int = 1000
    up: int = -1
    touches: list[Touch] = field(default_factory=list)

    def show(self) -> None:
        """Write the touch down; its share of the bid is 1/4 or 3/4, the size another each time."""
        size = 1 + len(self.touches) % 2
        bid_lots, ask_lots = (3 * size, size) if self.up > 0 else (size, 3 * size)
        self.touches.append((self.bid, bid_lots, self.bid + 1, ask_lots))


def test_two_states_by_hand(grid: Instrument) -> None:
    """From the state "leans down" (and mirrored from "leans up"), of six transitions two flip it, the mid in place;
    three move the mid a tick the way it leans and flip it; one moves the mid a tick against it and keeps it.

    (T - Q) G1 = K is (6 + 2) G1 = -3 + 1, so G1 = -1/4; R = -3 + 1, so B = -2 / 8 = -1/4 on what is odd; the sum of six
    terms is -1/4 (1 - 1/4 + 1/16 - ...) = -1/4 x 819/1024.
    """
    walk = Walk()
    walk.show()
    for _ in range(REFIT // 6 + 1):
        for step in "ffmmma":
            if step == "f":
                walk.up = -walk.up
            elif step == "m":
                walk.bid += walk.up
                walk.up = -walk.up
            else:
                walk.bid -= walk.up
            walk.show()
    touches = walk.touches[: 6 * (REFIT // 6 + 1) + 1]
    expected = -819 / 4096
    asked = [(500, 1, 501, 3), (500, 30, 501, 10), (500, 7, 501, 7), (500, 1, 501, 1000), (500, 1, 502, 3)]
    found = leans(grid, touches, asked)
    assert found[:3] == [pytest.approx(expected, rel=1e-14), pytest.approx(-expected, rel=1e-14), 0.0]
    assert np.isnan(found[3:]).all()  # never seen
    assert np.isnan(leans(grid, touches[:REFIT], asked[:1])).all()  # one transition too few


def random_touches(seed: int, count: int) -> list[Touch]:
    """A market without sense but with every state in it: moves of 0 to 1.5 ticks, spreads of 1 to 5, equal sizes."""
    chance = random.Random(seed)
    bid, spread = 10_000, 1
    touches: list[Touch] = []
    while len(touches) < count:
        if chance.random() < 0.5:
            bid += chance.choice((-1, 0, 0, 1))
            spread = max(1, min(WIDEST + 1, spread + chance.choice((-1, 0, 0, 1))))
        touches.append((bid, chance.randint(1, 12), bid + spread, chance.randint(1, 12)))
    return touches


def reference_leans(touches: Sequence[Touch]) -> Floats:
    """Return the lean of each (spread, bin), with all states and mirrored transitions, as the paper writes it.

    Bin 0 to 9 of the bid's share, the upper half closed above; bin 10 is a share of one half exactly.
    """

    def state(touch: Touch) -> tuple[int, int] | None:
        bid, bid_lots, ask, ask_lots = touch
        if ask - bid > WIDEST:
            return None
        if bid_lots == ask_lots:
            return ask - bid - 1, BINS
        below = BINS * min(bid_lots, ask_lots) // (bid_lots + ask_lots)
        return ask - bid - 1, below if bid_lots < ask_lots else BINS - 1 - below

    def mirrored(touch: Touch) -> Touch:
        bid, bid_lots, ask, ask_lots = touch
        return -ask, ask_lots, -bid, bid_lots

    size = BINS + 1
    stayed, moved = np.zeros((2, WIDEST * size, WIDEST * size))
    moves = np.zeros(WIDEST * size)
    for before, after in itertools.pairwise(touches):
        for one, other in ((before, after), (mirrored(before), mirrored(after))):
            source, target = state(one), state(other)
            move = (other[0] + other[2] - one[0] - one[2]) / 2
            if before == after or source is None or target is None or abs(move) > 1:
                continue
            place = source[0] * size + source[1], target[0] * size + target[1]
            (stayed if move == 0 else moved)[place] += 1
            moves[place[0]] += move
    total = stayed.sum(axis=1) + moved.sum(axis=1)
    assert (total[:-1] > 0).all()
    inverse = np.linalg.inv(np.eye(len(total)) - stayed / total[:, None])
    first = inverse @ (moves / total)
    blend = inverse @ (moved / total[:, None])
    np.testing.assert_allclose(blend.sum(axis=1), 1, rtol=1e-9)
    return np.asarray(sum(np.linalg.matrix_power(blend, power) @ first for power in range(6))).reshape(WIDEST, size)


ASKED = [(500, 2 * b + 1, 500 + s, 20 - 2 * b - 1) for s in range(1, WIDEST + 1) for b in range(BINS)]


@pytest.mark.parametrize("seed", range(3))
def test_it_equals_plain_matrices_of_all_states_on_random_transitions(grid: Instrument, seed: int) -> None:
    touches = random_touches(seed, 12_000)
    found = np.array(leans(grid, touches, ASKED)).reshape(WIDEST, BINS)
    expected = reference_leans(touches)
    np.testing.assert_allclose(expected[:, BINS], 0, atol=1e-12)
    np.testing.assert_allclose(found, expected[:, :BINS], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found, -found[:, ::-1])


def clean_touches(seed: int, count: int) -> list[Touch]:
    """Two queues a tick apart that lose or gain a lot at a time; an empty one bares the next level, a tick further, and
    then a new order fills the gap, from either side with equal chance."""
    chance = random.Random(seed)
    bid, ask, queues = 10_000, 10_001, [10, 10]
    touches: list[Touch] = []
    while len(touches) < count:
        side = chance.randrange(2)
        queues[side] += chance.choice((-1, 1)) if queues[side] < 20 else -1
        if ask - bid == 2 or queues[side] == 0:
            # Filling the gap moves the bid up or the ask down; baring a level moves the bid down or the ask up.
            step = 1 if ask - bid == 2 else -1
            bid, ask = (bid, ask - step) if side else (bid + step, ask)
            queues = [chance.randint(1, 20), chance.randint(1, 20)]
        touches.append((bid, queues[0], ask, queues[1]))
    return touches


def test_on_a_clean_book_it_grows_with_imbalance_and_stays_inside_the_spread(grid: Instrument) -> None:
    asked = ASKED[:BINS]
    for seed in range(2):
        found = np.array(leans(grid, clean_touches(seed, 30_000), asked))
        assert (np.diff(found) > 0).all()
        assert (np.abs(found) < 0.5).all()
        np.testing.assert_array_equal(found, -found[::-1])
        # Two queues that shrink at one pace: from shares of about 1/20 and 19/20 the next move is almost certain.
        assert found[0] < -0.25 < 0.25 < found[-1]


def test_swapping_the_sides_flips_the_lean(grid: Instrument) -> None:
    def swapped(touches: Sequence[Touch]) -> list[Touch]:
        return [(20_000 - ask, ask_lots, 20_000 - bid, bid_lots) for bid, bid_lots, ask, ask_lots in touches]

    touches = random_touches(7, 6_000)
    one, other = leans(grid, touches, ASKED), leans(grid, swapped(touches), swapped(ASKED))
    np.testing.assert_array_equal(one, np.negative(other))


def test_sizes_in_other_units_change_nothing(grid: Instrument) -> None:
    touches = random_touches(8, 6_000)
    scaled = [(bid, 7 * bid_lots, ask, 7 * ask_lots) for bid, bid_lots, ask, ask_lots in touches]
    assert leans(grid, touches, ASKED) == leans(grid, scaled, ASKED)


def test_what_the_price_never_left_has_no_value_and_disturbs_no_other(grid: Instrument) -> None:
    """Spread 3 is entered by no transition that counts, and left by none: there the mid stands still."""
    walking = clean_touches(1, 3_000)
    still = [(500, 1 + index % 2, 503, 9 + index % 2) for index in range(200)]
    asked = [*ASKED[:BINS], (500, 1, 503, 9), (500, 9, 503, 1)]
    found = leans(grid, [*walking, *still], asked)
    assert np.isnan(found[BINS:]).all()
    assert found[:BINS] == leans(grid, walking, asked)[:BINS]


def test_a_state_seen_too_seldom_has_no_value(grid: Instrument) -> None:
    walking = clean_touches(1, 3_000)
    visits = [
        touch for _ in range(LEAST_SEEN // 2) for touch in ((500, 1, 502, 40), (500, 1, 503, 9), (501, 1, 502, 9))
    ]
    once = leans(grid, [*walking, *visits[:-3]], [(500, 1, 502, 40)])
    assert np.isnan(once).all()
    assert not np.isnan(leans(grid, [*walking, *visits, *visits], [(500, 1, 502, 40)])).any()


def test_old_transitions_fade_by_the_half_life(grid: Instrument) -> None:
    """Fitted on a market that leans the usual way, then long enough on one that leans the other way."""
    usual = clean_touches(2, 5_000)
    odd = [(bid, ask_lots, ask, bid_lots) for bid, bid_lots, ask, ask_lots in clean_touches(3, 3_000)]
    found = {}
    for name, gap_ns in (("microprice_lean(1s)", 60 * 10**9), ("microprice_lean(24h)", 60 * 10**9)):
        market = Market(grid, (name,))
        now = 0
        for touches in (usual, odd[:1_500], odd[1_500:]):
            market.advance(messages(touches, now + 1), 0, now + NS_PER_MS)
            now += gap_ns
            market.sample(now)
        market.advance(messages([(500, 1, 501, 9)], now + 1), 0, now + 2)
        found[name] = float(market.sample(now + 2)[0])
    assert found["microprice_lean(1s)"] > 0 > found["microprice_lean(24h)"]


def test_sizes_too_large_to_tell_apart_stay_in_the_last_bin() -> None:
    assert door(state_of)(WIDEST, 2**60 - 1, 2**60) == WIDEST * BINS / 2 - 1
