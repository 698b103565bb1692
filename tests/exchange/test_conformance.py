"""The documented table of methods is the one that the stock clients make on a running exchange."""

from __future__ import annotations

import pytest

from bot.exchange.process import ExchangeProcess
from tests.exchange import conformance


@pytest.mark.slow
async def test_every_documented_ccxt_method_is_answered_and_every_answer_holds() -> None:
    process = ExchangeProcess.start(conformance.exchange_settings())
    try:
        made = await conformance.rows(process.url)
    finally:
        process.stop()

    assert {row.case.method: row.failure for row in made if row.failure} == {}
    assert conformance.table(made) == conformance.documented()
