"""The page on faults lists what there is. `python -m tests.exchange.test_fault_page` writes its table anew."""

from __future__ import annotations

from pathlib import Path

from bot.exchange.faults.catalogue import CATALOGUE, Fault, Parameter

PAGE = Path(__file__).parents[2] / "docs" / "local-exchange-faults.md"
BEGIN, END = "<!-- faults -->", "<!-- /faults -->"


def test_every_fault_is_on_the_page_with_its_parameters() -> None:
    assert PAGE.read_text().split(BEGIN)[1].split(END)[0].strip() == table()


def table() -> str:
    """The catalogue as Markdown."""
    rows = [f"| `{one.name}` | {one.side} | {one.timing} | {one.says} | {_knobs(one)} |" for one in CATALOGUE.values()]
    return "\n".join(["| fault | of | when | what happens | parameters and defaults |", "|---|---|---|---|---|", *rows])


def _knobs(fault: Fault) -> str:
    return ", ".join(f"`{one.name}` {_default(one)}" for one in fault.parameters)


def _default(knob: Parameter) -> str:
    return str(knob.default) if knob.default != "" else "unchanged"


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}")
