"""Spaces as they are written, and the sets that each search draws from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.research.heat_map import heat_map, neighbours
from bot.research.search.grid import grid_sets
from bot.research.search.objective import OBJECTIVES, block_sums, objective_of, sums_of
from bot.research.search.random_draw import random_sets
from bot.research.search.rounds import Search, search_of
from bot.research.search.space import Space, space_of
from storage.sweeps import Params
from tests.research.swept import lean_strategy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def space(folder: Path, *texts: str) -> Space:
    return space_of(texts, lean_strategy(folder), {})


def values(sets: Sequence[Params], name: str) -> list[object]:
    return [dict(params)[name] for params in sets]


def test_steps_are_exact_and_hold_both_ends(folder: Path) -> None:
    (axis,) = space(folder, "enter=0.1:0.4:0.05").axes

    assert axis.values == (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)


def test_a_list_is_sorted_and_has_the_type_of_its_parameter(folder: Path) -> None:
    own = space(folder, "steps=3,1", "bold=true,false", "way=with,against")

    assert [axis.values for axis in own.axes] == [(1, 3), (True, False), ("with", "against")]
    assert [type(value) for value in own.axes[0].values] == [int, int]
    assert own.size == 8


def test_a_grid_has_every_set_once_with_all_other_parameters(folder: Path) -> None:
    sets = grid_sets(space(folder, "enter=0.2,0.3", "steps=1:3:1"), 100)

    assert len(set(sets)) == len(sets) == 6
    assert sets[0] == (("enter", 0.2), ("leave", 0.1), ("steps", 1), ("way", "with"), ("bold", True))
    assert values(sets, "steps") == [1, 2, 3, 1, 2, 3]


def test_parameters_that_were_given_stand_in_for_defaults(folder: Path) -> None:
    own = space_of(["enter=0.2"], lean_strategy(folder), {"leave": 0.15})

    assert dict(own.base)["leave"] == 0.15


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("entre=0.1,0.2", "--param entre is not a parameter of Lean; did you mean enter?"),
        ("enter=0.1:1.6:0.5", "--param enter should be from 0.05 to 0.95, was 1.1"),
        ("enter=0.01:0.5", "--param enter should be from 0.05 to 0.95, was 0.01"),
        ("enter=0.1,x", "--param enter should be values such as 0.05,0.1, steps such as"),
        ("enter=0.6:0.1:0.1", "lowest first, was '0.6:0.1:0.1'"),
        ("enter=0.1:0.6:0", "lowest first"),
        ("enter", "--param should be name=values"),
        ("enter=", "--param should be name=values"),
        ("enter=0.1,0.1", "--param enter should have distinct values"),
        ("enter=0.1:0.9:0.00001", "--param enter should have at most 10,000 values"),
        ("steps=1.5,2", "--param steps should be a whole number, was 1.5"),
        ("bold=maybe", "--param bold should be true, false or true,false"),
        ("enter=nan", "--param enter should be values such as"),
    ],
)
def test_a_space_that_is_none_is_told_in_one_line(folder: Path, text: str, told: str) -> None:
    with pytest.raises(UserError) as refused:
        space(folder, text)

    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_axis_that_stands_there_twice_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="stands there twice"):
        space(folder, "enter=0.1", "enter=0.2")


def test_a_range_has_no_grid_and_a_grid_no_count(folder: Path) -> None:
    with pytest.raises(UserError, match=r"should have steps, such as 0.1:0.6:0.05, for --search grid"):
        search_of("grid", space(folder, "enter=0.1:0.6"), None, 0)
    with pytest.raises(UserError, match="a grid has all"):
        search_of("grid", space(folder, "enter=0.1,0.2"), 5, 0)
    with pytest.raises(UserError, match="needs --sets N"):
        search_of("random", space(folder, "enter=0.1:0.6"), None, 0)
    with pytest.raises(UserError, match="did you mean random"):
        search_of("randon", space(folder, "enter=0.1:0.6"), 3, 0)


def test_a_grid_that_nobody_could_wait_for_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="at most 10 sets, has 12"):
        grid_sets(space(folder, "enter=0.2,0.3", "steps=1:6:1"), 10)


@given(st.integers(1, 60), st.integers(0, 2**32))
def test_random_sets_are_distinct_within_bounds_and_of_their_seed(
    tmp_path_factory: pytest.TempPathFactory, count: int, seed: int
) -> None:
    own = space(tmp_path_factory.mktemp("s"), "enter=0.1:0.6", "steps=1:9", "leave=0.05,0.1")
    sets = random_sets(own, count, seed)

    assert len(set(sets)) == count
    assert sets == random_sets(own, count, seed)
    assert all(0.1 <= dict(params)["enter"] < 0.6 for params in sets)
    assert all(type(dict(params)["steps"]) is int and 1 <= dict(params)["steps"] <= 9 for params in sets)


def test_random_sets_of_a_small_space_are_all_of_it_in_another_order(folder: Path) -> None:
    own = space(folder, "enter=0.1:0.5:0.1", "steps=1,2")
    sets = random_sets(own, 100, 4)

    assert sorted(sets) == sorted(grid_sets(own, 100))
    assert sets != grid_sets(own, 100)


def hill(params: Params) -> float:
    """One top, at enter = 0.4."""
    return -float((dict(params)["enter"] - 0.4) ** 2)


def driven(search: Search) -> list[Params]:
    tried: list[Params] = []
    while asked := search.ask():
        search.tell([hill(params) for params in asked])
        tried += asked
    return tried


def test_optuna_asks_again_what_it_asked_and_learns_from_what_it_was_told(folder: Path) -> None:
    pytest.importorskip("optuna")
    own = space(folder, "enter=0.05:0.95", "leave=0:0.9")
    tried = driven(search_of("optuna", own, 80, 1))

    assert len(tried) == 80
    assert driven(search_of("optuna", own, 80, 1)) == tried
    assert driven(search_of("optuna", own, 80, 2)) != tried
    early, late = (np.mean([hill(params) for params in part]) for part in (tried[:16], tried[-32:]))
    assert late > early / 2


def test_optuna_proposes_values_of_the_steps_and_survives_sets_without_a_score(folder: Path) -> None:
    pytest.importorskip("optuna")
    own = space(folder, "enter=0.1:0.6:0.05", "steps=1:9", "way=with,against")
    search = search_of("optuna", own, 20, 0)
    first = search.ask()
    search.tell([float("nan"), float("inf"), *([0.0] * (len(first) - 2))])
    sets = [*first, *search.ask()]

    assert len(sets) == 20
    assert set(values(sets, "enter")) <= set(own.axes[0].values)
    assert {type(value) for value in values(sets, "steps")} == {int}


@pytest.mark.parametrize(("name", "score"), [("net", 2.0), ("sharpe", 0.25), ("sortino", 0.5 / 1.0)])
def test_objectives_are_those_worked_by_hand(name: str, score: float) -> None:
    # Mean 0.5, deviations 2.5, -0.5, 0.5, -2.5 (sum of squares 13, variance of the sample 13/3); losses -2, 0.
    pnl = np.array([3.0, 0.0, 1.0, -2.0])

    expected = {"net": 2.0, "sharpe": 0.5 / np.sqrt(13 / 3), "sortino": 0.5 / np.sqrt(4 / 4)}[name]
    assert float(objective_of(name).score(sums_of(pnl))) == pytest.approx(expected)


def test_what_never_moved_scores_nothing_and_an_unknown_objective_is_told() -> None:
    still = np.zeros((3, 10))

    assert all((each.score(sums_of(still)) == 0).all() for each in OBJECTIVES.values())
    with pytest.raises(UserError, match="did you mean sharpe"):
        objective_of("sharp")


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_sums_of_blocks_score_like_the_periods_themselves(name: str) -> None:
    pnl = np.random.default_rng(0).normal(size=(2, 3, 12))
    sums = block_sums(pnl, np.array([0, 5, 8, 12]))
    some = OBJECTIVES[name].score(sums.over(np.array([[1.0, 0.0, 1.0]])))

    assert some.shape == (1, 2, 3)
    np.testing.assert_allclose(some[0], OBJECTIVES[name].score(sums_of(np.delete(pnl, [5, 6, 7], axis=2))))


def test_a_map_shows_means_over_what_it_does_not_draw(folder: Path) -> None:
    own = space(folder, "enter=0.1,0.2", "leave=0.05,0.1", "steps=1,2")
    sets = grid_sets(own, 10)
    drawn = heat_map(own, sets, np.arange(8.0))

    assert (drawn.down, drawn.across, drawn.rows, drawn.columns) == ("enter", "leave", ("0.1", "0.2"), ("0.05", "0.1"))
    assert drawn.cells.tolist() == [[0.5, 2.5], [4.5, 6.5]]


def test_a_map_of_ranges_has_bins_and_holes(folder: Path) -> None:
    own = space(folder, "enter=0.1:0.9", "way=with,against")
    sets = (own.params({"enter": 0.1, "way": "with"}), own.params({"enter": 0.8999, "way": "against"}))
    drawn = heat_map(own, sets, np.array([1.0, 2.0]))

    assert drawn.rows[0] == "0.1..0.2"
    assert (drawn.cells[0, 0], drawn.cells[-1, 1]) == (1.0, 2.0)
    assert np.isnan(drawn.cells).sum() == drawn.cells.size - 2


def test_neighbours_are_the_sets_one_step_away(folder: Path) -> None:
    own = space(folder, "enter=0.1:0.5:0.1", "steps=1:5:1")
    sets = grid_sets(own, 100)
    scores = np.zeros(25)
    scores[12] = 9.0  # the middle: its neighbours are one up, one down, one left, one right
    scores[[7, 11, 13, 17]] = [1.0, 2.0, 3.0, 4.0]

    assert neighbours(own, sets, scores, 12) == 2.5
