"""The halt switch only gets stricter until an explicit resume, restart or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.types import HaltState
from risk.halt import HaltAction, HaltSwitch

STRICTNESS = {HaltState.ACTIVE: 0, HaltState.REDUCING: 1, HaltState.HALTED: 2}


@pytest.mark.parametrize(
    ("action", "state", "wants_flat"),
    [
        ("halt", HaltState.HALTED, False),
        ("reduce", HaltState.REDUCING, False),
        ("flatten", HaltState.HALTED, True),
        ("resume", HaltState.ACTIVE, False),
    ],
)
def test_each_action_leads_to_its_state(action: str, state: HaltState, wants_flat: bool) -> None:
    switch = HaltSwitch()

    assert switch.apply(action, "console", "a test") is state
    assert (switch.state, switch.wants_flat, switch.by, switch.reason) == (state, wants_flat, "console", "a test")


def test_a_loss_halt_survives_reduce_and_a_restart_until_someone_resumes() -> None:
    before = HaltSwitch()
    before.apply("halt", "max_daily_loss", "daily loss limit is reached")
    after = HaltSwitch(before.state, wants_flat=before.wants_flat, by=before.by, reason=before.reason)

    assert after.apply("reduce", "console", "let it shrink") is HaltState.HALTED
    assert (after.by, after.reason) == ("max_daily_loss", "daily loss limit is reached")
    assert after.apply("resume", "console", "looked into it") is HaltState.ACTIVE


def test_a_halt_during_flattening_does_not_leave_the_position_open() -> None:
    switch = HaltSwitch()
    switch.apply("flatten", "console", "enough")
    switch.apply("halt", "max_daily_loss", "daily loss limit is reached")

    assert switch.wants_flat
    assert switch.by == "console"


def test_flatten_after_a_halt_says_who_asked_for_it() -> None:
    switch = HaltSwitch()
    switch.apply("halt", "max_daily_loss", "daily loss limit is reached")
    switch.apply("flatten", "console", "close it")

    assert (switch.state, switch.wants_flat, switch.by) == (HaltState.HALTED, True, "console")


@given(st.lists(st.sampled_from([action.value for action in HaltAction]), max_size=12))
def test_without_resume_the_switch_never_loosens(actions: list[str]) -> None:
    switch = HaltSwitch()
    for action in actions:
        before, flat_before = switch.state, switch.wants_flat
        switch.apply(action, "someone", "any")
        if action != "resume":
            assert STRICTNESS[switch.state] >= STRICTNESS[before]
            assert switch.wants_flat >= flat_before
        else:
            assert (switch.state, switch.wants_flat) == (HaltState.ACTIVE, False)


def test_an_unknown_action_or_a_nameless_one_is_refused() -> None:
    with pytest.raises(ValueError, match="one of halt, reduce, flatten, resume, was 'stop'"):
        HaltSwitch().apply("stop", "console", "")
    with pytest.raises(ValueError, match="who asked"):
        HaltSwitch().apply("halt", "", "")
