"""The page on signals lists the catalogue as it is, and has room for what is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import signal_costs, signal_pages, signal_worth
from benchmarks.marked_page import part, put
from bot.market.consolidated_entries import ENTRIES as CONSOLIDATED
from bot.market.signals.catalogue import CATALOGUE
from bot.market.signals.entry import Signal

PAGE = Path(__file__).parents[2] / "docs" / "signals.md"


def test_the_page_is_that_of_the_catalogue() -> None:
    renew = "python -m benchmarks signal_pages --out docs/signals.md"

    assert part(PAGE, signal_pages.MARK) == signal_pages.catalogue_page().strip(), f"to renew the page: {renew}"


@pytest.mark.parametrize("signal", [*CATALOGUE.values(), *CONSOLIDATED], ids=lambda signal: signal.name)
def test_every_signal_is_on_the_page_with_all_that_the_catalogue_says(signal: Signal) -> None:
    page = part(PAGE, signal_pages.MARK)
    (start,) = [at for at in (page.find(f"- **`{signal.name}`**"), page.find(f"- **`{signal.name}(")) if at >= 0]
    entry = page[start:].split("\n- **")[0].split("\n\n")[0]

    for said in (signal.formula, signal.unit, signal.no_value, signal.warm_up, signal.source):
        assert said in entry
    for parameter in signal.parameters:
        assert f"{parameter.name} " in entry


def test_there_is_room_for_what_is_measured() -> None:
    assert "The present" in part(PAGE, signal_worth.MARK)
    assert "What a signal costs" in part(PAGE, signal_costs.MARK)


def test_what_stands_around_the_marks_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Words\n\n<!-- costs -->\nold\n<!-- /costs -->\n\nMore words.\n")

    put(page, "costs", "new")
    put(page, "costs", "newer\n")

    assert page.read_text() == "# Words\n\n<!-- costs -->\n\nnewer\n\n<!-- /costs -->\n\nMore words.\n"
    assert part(page, "costs") == "newer"


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("words")

    with pytest.raises(ValueError, match="should have the marks <!-- costs -->"):
        put(page, "costs", "new")

    assert page.read_text() == "words"
