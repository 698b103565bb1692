"""Loading: which source wins, what the values become, and that the shipped file is the defaults, explained."""

from __future__ import annotations

import json
import re
import tomllib
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.building import paper_terms
from bot.config import Config, config_hash, from_resolved, keys, load, resolved, resolved_lines, schema
from bot.errors import ConfigError
from bot.market.matching.layout import POWER, UNIFORM
from bot.types import FillAssumption, Side
from bot.venue.paper import PaperTerms
from bot.venue.queues import QueueModel, queue_model
from risk.limits import MaxPosition, OrdersPerSecond, check_all
from risk.protection import Protection
from risk.sizing import FixedNotional, FractionOfEquity, VolatilityTarget
from tests.risk.standings import NOON_NS, intent, standing

SHIPPED = Path(__file__).parents[2] / "config.toml"


def written(folder: Path, text: str) -> Path:
    """A config.toml in `folder`."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_equals_the_defaults() -> None:
    assert load(SHIPPED, [], {}) == load(None, [], {})
    assert config_hash(load(SHIPPED, [], {})) == config_hash(Config())


def test_the_shipped_file_shows_every_key_and_a_comment_above_each() -> None:
    tables = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    uncommented = [
        line
        for above, line in pairwise(lines)
        if " = " in line and not line.startswith("#") and not above.startswith("#")
    ]

    assert {f"{section}.{key}" for section, table in tables.items() for key in table} == set(keys())
    assert uncommented == []


def test_environment_overrides_the_file_and_set_overrides_both(tmp_path: Path) -> None:
    path = written(tmp_path, '[feed]\ndepth = 5\nbook_every = "1s"\ntrades_every = "2s"\n')
    environ = {"IMBALANCE__FEED__DEPTH": "50", "IMBALANCE__FEED__BOOK_EVERY": "300ms", "OTHER__FEED__DEPTH": "9"}

    config = load(path, ["feed.depth=100"], environ)

    assert (config.feed.depth, config.feed.book_every, config.feed.trades_every) == (100, "300ms", "2s")


def test_a_variable_with_too_few_underscores_is_not_passed_over() -> None:
    meant = "IMBALANCE_RISK_MAX_POSITION is no setting; did you mean IMBALANCE__RISK__MAX_POSITION?"
    with pytest.raises(ConfigError, match=re.escape(meant)):
        load(None, [], {"IMBALANCE_RISK_MAX_POSITION": "100"})

    assert load(None, [], {"IMBALANCE_API_KEY": "k", "IMBALANCE_EXCHANGE_OTHER": "1"}) == load(None, [], {})


def test_durations_are_whole_nanoseconds_and_money_is_exact() -> None:
    config = load(
        None, ["feed.book_every=1.5s", "paper.latency=0ms", "sizing.notional=0.1", "paper.maker_bps=-0.5"], {}
    )

    assert config.feed.book_every_ns == 1_500_000_000
    assert config.paper.latency_ns == 0
    assert config.sizing.notional == Decimal("0.1")
    assert config.paper.maker_bps == Decimal("-0.5")
    assert config.console.refresh_ns == 500_000_000
    assert config.strategy.time_limit_ns == 100_000_000
    assert config.forecast.halflife_ns == 600 * 10**9
    assert (config.exchange.timeout_ns, config.feed.stale_after_ns) == (5 * 10**9, 3 * 10**9)
    assert (config.strategy.every_ns, config.forecast.horizon_ns) == (250_000_000, 5 * 10**9)
    assert config.feed.trades_every_ns == 500_000_000


def test_a_strategy_may_be_asked_on_every_book() -> None:
    assert load(None, ["strategy.every=book"], {}).strategy.every_ns == 0


def test_lists_may_be_written_with_commas_and_keep_those_in_brackets() -> None:
    config = load(
        None, ["exchange.symbols=BTC/USDT, ETH/USDT", "forecast.on=band(1,2),ofi(1s)", "paper.lanes=touch"], {}
    )

    assert config.exchange.symbols == ("BTC/USDT", "ETH/USDT")
    assert config.forecast.on == ("band(1,2)", "ofi(1s)")
    assert config.paper.lanes == (FillAssumption.TOUCH,)
    assert load(None, ['exchange.symbols=["BTC/USDT"]'], {}).exchange.symbols == ("BTC/USDT",)


def test_strategy_parameters_keep_their_kind() -> None:
    environ = {"IMBALANCE__STRATEGY__PARAMS__ENTER": "0.4"}
    config = load(None, ["strategy.params.levels=5", "strategy.params.side=bid", "strategy.params.on=true"], environ)

    assert config.strategy.params == {"enter": 0.4, "levels": 5, "side": "bid", "on": True}
    assert type(config.strategy.params["levels"]) is int


def test_a_number_is_taken_as_text_where_text_is_expected() -> None:
    assert load(None, ["paper.account=2024"], {}).paper.account == "2024"
    assert load(None, ["paper.account=007"], {}).paper.account == "007"


def test_a_latency_table_is_kept_with_the_run_so_that_a_replay_needs_no_file(tmp_path: Path) -> None:
    table = tmp_path / "latencies.csv"
    table.write_text("48.2\n\n 52 \n61.125000\n", encoding="utf-8")
    config = load(None, [f"paper.latency=file:{table}", "paper.queue=power( 2.50 )"], {})
    stored = json.loads(json.dumps(resolved(config)))
    table.unlink()

    again = from_resolved(stored)

    assert config.paper.waits_ns == (48_200_000, 52_000_000, 61_125_000)
    assert config.paper.latency_ns == 52_000_000
    assert stored["paper"]["latency"] == ["48.2", "52", "61.125"]
    assert again == config
    assert config_hash(again) == config_hash(config)
    (line,) = (line for line in resolved_lines(config) if line.startswith("paper.latency"))
    path = tmp_path / "config.toml"
    path.write_text(f"[paper]\n{line.removeprefix('paper.')}\n", encoding="utf-8")
    assert load(path, ["paper.queue=power(2.5)"], {}) == config


def test_a_measured_latency_is_fifty_milliseconds_until_it_is_told_and_stays_what_it_is_when_stored() -> None:
    config = load(None, ["paper.latency=measured"], {})
    terms = paper_terms(config, FillAssumption.TOUCH)

    assert (terms.measured, terms.latency_ns, terms.waits_ns) == (True, 50_000_000, ())
    assert not paper_terms(load(None, [], {}), FillAssumption.TOUCH).measured
    assert from_resolved(json.loads(json.dumps(resolved(config)))) == config
    assert config_hash(config) != config_hash(load(None, ["paper.latency=50ms"], {}))


def test_queues_and_latencies_reach_the_paper_venue() -> None:
    config = load(None, ["paper.queue=power(3)", "paper.latency=20ms", "exchange.seed=11"], {})
    terms = paper_terms(config, FillAssumption.TOUCH)

    assert (terms.queue, terms.latency_ns, terms.waits_ns, terms.seed) == (QueueModel(POWER, 3.0), 20_000_000, (), 11)
    assert paper_terms(Config(), FillAssumption.QUEUE).queue == QueueModel(UNIFORM)
    assert PaperTerms(Decimal(0), Decimal(0), 0, FillAssumption.QUEUE).queue == QueueModel(UNIFORM)
    for text in ("risk_averse", "uniform", "log", "power(2.5)"):
        assert queue_model(text).text == text


def test_sections_are_frozen() -> None:
    config = Config()

    with pytest.raises(ValidationError, match="frozen"):
        config.feed.depth = 3


def test_resolved_is_canonical_json_and_builds_the_same_configuration_again() -> None:
    config = load(None, ["feed.book_every=1000ms", "sizing.notional=1.50e3", "strategy.params.enter=0.4"], {})
    same = load(None, ["feed.book_every=1s", "sizing.notional=1500.0", "strategy.params.enter=0.4"], {})

    assert resolved(config)["feed"]["book_every"] == "1s"
    assert resolved(config)["sizing"]["notional"] == "1500"
    assert config_hash(config) == config_hash(same) != config_hash(Config())
    assert from_resolved(json.loads(json.dumps(resolved(config)))) == config


def test_every_key_is_in_the_resolved_lines_which_are_toml() -> None:
    lines = resolved_lines(load(None, ["strategy.params.enter=0.4"], {}))

    assert "strategy.params.enter = 0.4" in lines
    assert 'paper.lanes = ["queue", "touch", "through"]' in lines
    assert {line.split(" = ")[0] for line in lines} == (set(keys()) - {"strategy.params"}) | {"strategy.params.enter"}
    assert from_resolved(tomllib.loads("\n".join(lines))).risk == Config().risk


def test_passwords_in_urls_are_never_shown() -> None:
    config = load(None, [], {"IMBALANCE__STORAGE__URL": "postgresql://me:hunter2@host/db?password=hunter2&x=1"})

    assert config.storage.url == "postgresql://me:hunter2@host/db?password=hunter2&x=1"
    shown = json.dumps(resolved(config)) + "\n".join(resolved_lines(config))
    assert "hunter2" not in shown
    assert "postgresql://me:***@host/db?password=***&x=1" in shown


def test_the_schema_describes_every_key_and_names_a_unit_where_there_is_one() -> None:
    sections = schema()["$defs"]
    described = {name: key for section in sections.values() for name, key in section.get("properties", {}).items()}

    inside = {"from_volume"}  # of an entry of paper.tiers; its other keys have the names of paper's own

    assert set(described) == {key.split(".")[1] for key in keys()} | inside
    assert [name for name, key in described.items() if not key.get("description", "").endswith(".")] == []
    without_unit = [
        name for name, key in described.items() if "bps" in name and "basis points" not in key["description"]
    ]
    assert without_unit == []


def test_limits_are_built_in_order_with_a_rate_memory_for_each_lane() -> None:
    risk = load(None, ["risk.orders_per_second=1"], {}).risk
    one, other = risk.limits(), risk.limits()

    assert len({limit.name for limit in one}) == len(one) == 13
    assert isinstance(one[-1], OrdersPerSecond)
    assert MaxPosition(Decimal(2000)) in one
    assert check_all(one, intent(), standing()) is None
    denial = check_all(one, intent(local_ns=NOON_NS + 1), standing())
    assert denial is not None
    assert denial.limit == "orders_per_second"
    assert check_all(other, intent(), standing()) is None


def test_every_limit_is_named_after_its_key_so_that_a_denial_says_what_to_change() -> None:
    names = {limit.name for limit in Config().risk.limits()} - {"halt", "feed_health", "min_notional"}

    assert (
        names - {key.removeprefix("risk.").removesuffix("_bps") for key in keys() if key.startswith("risk.")} == set()
    )


def test_each_sizing_method_builds_its_sizing() -> None:
    def built(method: str) -> object:
        return load(None, [f"sizing.method={method}"], {}).sizing.build()

    assert built("fixed_notional") == FixedNotional(Decimal(1000))
    assert built("fraction_of_equity") == FractionOfEquity(Decimal("0.1"))
    assert built("volatility_target") == VolatilityTarget(Decimal(100), Decimal("0.5"))


def test_protection_comes_from_the_risk_section() -> None:
    assert load(None, ["risk.stop_loss_bps=25"], {}).risk.protection() == Protection(25.0, 0.0)


def test_the_shipped_limits_let_the_shipped_size_trade() -> None:
    config = Config()
    lots = config.sizing.build().lots(1.0, standing())

    assert lots == 10
    assert check_all(config.risk.limits(), intent(lots=lots, price_ticks=1_001_000), standing()) is None


def test_the_shipped_limits_let_a_full_position_turn_round() -> None:
    limits = Config().risk.limits()

    assert check_all(limits, intent(Side.SELL, lots=20), standing(position_lots=10)) is None
