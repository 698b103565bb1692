"""What is wrong is said in one line: where it was set, which key, what was expected, what it was, what is nearest."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import from_resolved, load
from bot.errors import ConfigError


def complaint(text: str, folder: Path) -> str:
    """The error that a config.toml with `text` gives."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, [], {})
    return str(caught.value)


def complaint_of_set(*overrides: str) -> str:
    """The error that `--set` gives."""
    with pytest.raises(ConfigError) as caught:
        load(None, overrides, {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "50\nsoon\n",
            "line 2, was 'soon'",
        ),
        ("\n-1\n", "line 2, was '-1'"),
        (
            "0.0000001",
            "line 1, was '0.0000001'",
        ),
    ],
)
def test_a_line_of_a_latency_table_that_is_no_round_trip_is_named(lines: str, said: str, tmp_path: Path) -> None:
    table = tmp_path / "latencies.csv"
    table.write_text(lines, encoding="utf-8")

    place, was = said.split(", ")
    bound = "a round trip should be milliseconds from 0 to 3600000, in whole nanoseconds"
    assert complaint_of_set(f"paper.latency=file:{table}") == f"--set paper.latency: {table}, {place}: {bound}, {was}"


def test_a_latency_table_that_is_missing_empty_or_too_long_is_named(tmp_path: Path) -> None:
    table = tmp_path / "latencies.csv"
    said = complaint_of_set(f"paper.latency=file:{table}")
    assert said.endswith(f"with one round trip in milliseconds a line, {table} was not found")

    for count, lines in ((0, ""), (10_001, "5\n" * 10_001)):
        table.write_text(lines, encoding="utf-8")
        said = complaint_of_set(f"paper.latency=file:{table}")
        assert said.endswith(f"{table} should have 1 to 10000 round trips, one a line, had {count}")

    table.write_bytes(b"\xff\xfe")
    assert complaint_of_set(f"paper.latency=file:{table}").endswith(f"{table} could not be read: it is not UTF-8")
    assert complaint_of_set(f"paper.latency=file:{tmp_path}").endswith("could not be read: Is a directory")


@pytest.mark.parametrize("queue", ["fifo", "power", "power()", "power(0)", "power(10.5)", "power(-1)", "Uniform"])
def test_a_queue_model_that_there_is_not_is_refused(queue: str) -> None:
    assert complaint_of_set(f"paper.queue={queue}") == (
        '--set paper.queue: paper.queue should be "risk_averse", "uniform", "log" or "power(N)" with N above 0 and at '
        f'most 10, was "{queue}"'
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[feed]\nbook_evry='1s'", "config.toml: unknown key feed.book_evry; did you mean feed.book_every?"),
        ("[feeed]\nbook_every='1s'", "config.toml: unknown section feeed; did you mean feed?"),
        ("[feeed]", "config.toml: unknown section feeed; did you mean feed?"),
        ("[risk]\nstale_after='1s'", "config.toml: unknown key risk.stale_after; did you mean feed.stale_after?"),
        ("[console]\nzzz=1", "config.toml: unknown key console.zzz; there are console.refresh"),
        ("depth=5", "config.toml: unknown section depth"),
        (
            "[feed]\nbook_every=250",
            'config.toml: feed.book_every should be a duration such as "250ms", "5s", "1m" or "24h", was 250',
        ),
        ("[feed]\nbook_every='0s'", 'config.toml: feed.book_every should be longer than 0, was "0s"'),
        ("[feed]\ndepth=0", "config.toml: feed.depth should be greater than or equal to 1, was 0"),
        ("[feed]\ndepth='many'", 'config.toml: feed.depth should be a whole number, was "many"'),
        ("[feed]\ndepth=2.5", "config.toml: feed.depth should be a whole number, was 2.5"),
        ("[feed]\nrecord='maybe'", 'config.toml: feed.record should be true or false, was "maybe"'),
        ("feed=3", "config.toml: feed should be a section, was 3"),
        ("[sizing]\nnotional=nan", "config.toml: sizing.notional should be a finite number, was NaN"),
        ("[exchange]\nalpha=inf", "config.toml: exchange.alpha should be a finite number, was Infinity"),
        ("[exchange]\nsymbols=[]", "config.toml: exchange.symbols should have at least one entry, was []"),
        (
            "[sizing]\nmethod='fixd'",
            "config.toml: sizing.method should be 'fixed_notional', 'fraction_of_equity' or 'volatility_target', "
            'was "fixd"',
        ),
        ("[paper]\nlanes=['quue']", "config.toml: paper.lanes should be 'touch', 'queue' or 'through', was \"quue\""),
        ("[feed\ndepth=1", "config.toml, line 1: not valid TOML"),
        ("[feed]\n\ndepth=", "config.toml, line 3: not valid TOML"),
        ("[feed]\nbook_every='1s\n", "config.toml, line 2: not valid TOML"),
        ("[feed]\ndepth=1\ndepth=2", "config.toml, line 3: not valid TOML: Cannot overwrite a value"),
    ],
)
def test_a_wrong_file_is_explained(text: str, said: str, tmp_path: Path) -> None:
    line = complaint(text, tmp_path)

    assert line.startswith(said)
    assert "\n" not in line


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("feed.depth=0", "--set feed.depth: feed.depth should be greater than or equal to 1, was 0"),
        ("feed.depth", "--set should be section.key=value, was 'feed.depth'"),
        ("depth=3", "--set should be section.key=value, was 'depth=3'"),
        ("feed.=3", "--set should be section.key=value, was 'feed.=3'"),
        (
            "strategy.params.x=[1]",
            "--set strategy.params.x: strategy.params.x should be a number, a text, true or false",
        ),
        ("feed.book_evry=1s", "--set feed.book_evry: unknown key feed.book_evry; did you mean feed.book_every?"),
    ],
)
def test_a_wrong_override_is_explained(override: str, said: str) -> None:
    assert complaint_of_set(override).startswith(said)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("sizing.notional=5000", "sizing.notional should be at most risk.max_position (2000), was 5000"),
        ("risk.max_book_age=100ms", "risk.max_book_age should be at least feed.book_every (250ms), was 100ms"),
        ("feed.stale_after=250ms", "feed.stale_after should be longer than feed.book_every (250ms), was 250ms"),
        ("paper.protection_bps=100", "paper.protection_bps should be below risk.price_collar_bps (100), was 100"),
        ("paper.lanes=queue,queue", "paper.lanes should be distinct, was queue, queue"),
    ],
)
def test_keys_that_would_never_trade_together_are_refused(override: str, said: str) -> None:
    assert complaint_of_set(override) == f"--set {override.split('=')[0]}: {said}"


def test_a_variable_of_the_environment_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^IMBALANCE__FEED__BOOK_EVRY: unknown key feed.book_evry; did you mean"):
        load(None, [], {"IMBALANCE__FEED__BOOK_EVRY": "1s"})


def test_several_errors_are_counted() -> None:
    assert complaint_of_set("feed.depth=0", "feed.record=maybe").endswith("was 0 (and 1 more)")


def test_a_key_cannot_be_a_value_and_a_section(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[feed]\ndepth=5")

    with pytest.raises(ConfigError, match=r"--set feed.depth.x: feed.depth should be a section, was a single value"):
        load(path, ["feed.depth.x=1"], {})


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.toml was not found"):
        load(tmp_path / "nowhere.toml", [], {})
    with pytest.raises(ConfigError, match="could not be read"):
        load(tmp_path, [], {})
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    with pytest.raises(ConfigError, match="should be UTF-8 text"):
        load(tmp_path / "latin.toml", [], {})


def test_secrets_are_not_repeated_by_errors(tmp_path: Path) -> None:
    secret = complaint("[exchange]\nsecret = 'hunter2'", tmp_path)
    url = complaint_of_set("storage.url=['postgresql://me:hunter2@host/db']")

    assert secret.startswith("config.toml: unknown key exchange.secret; keys of an exchange account go to the file")
    assert "hunter2" not in secret
    assert "hunter2" not in url


def test_a_stored_configuration_of_another_version_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^stored configuration: unknown key feed.depht; did you mean feed.depth"):
        from_resolved({"feed": {"depht": 3}})
