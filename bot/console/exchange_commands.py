"""The commands about the local exchange: run it, and steer one that runs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from bot.console.choices import AsJson, length_ns
from bot.errors import UserError

if TYPE_CHECKING:
    from bot.exchange.control_client import ExchangeControl
    from bot.exchange.process import ExchangeSettings

_CONTROL_VARIABLE: Final = "IMBALANCE_EXCHANGE_CONTROL"  # as `bot.exchange.process` names it, which loads too much
_URL: Final = "http://127.0.0.1:8700"
_NS_PER_S: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000
_OF_SYNTHETIC: Final = ("seed", "symbols", "alpha", "alpha_horizon", "state")

_Url = Annotated[str, typer.Option("--url", metavar="URL", help="Address of the exchange.")]
_Token = Annotated[
    str | None, typer.Option("--token", metavar="TEXT", help=f"Its control token; without it {_CONTROL_VARIABLE}.")
]


def exchange(  # over 30 lines: one option after the other
    context: typer.Context,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65_535, help="Port on 127.0.0.1; 0 = a free one.")
    ] = 8700,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of the synthetic market.")] = 7,
    symbols: Annotated[
        str, typer.Option("--symbols", metavar="NAMES", help="Names with commas between, or how many.")
    ] = "BTC/USDT:USDT,ETH/USDT:USDT",
    alpha: Annotated[
        float, typer.Option("--alpha", metavar="X", min=0.0, help="Strength of the planted alpha; 0 = none.")
    ] = 1.0,
    alpha_horizon: Annotated[
        str, typer.Option("--alpha-horizon", metavar="TIME", help="How long the planted alpha lasts.")
    ] = "6s",
    tape: Annotated[Path | None, typer.Option("--tape", metavar="TAPE", help="Replay this tape instead.")] = None,
    speed: Annotated[
        float, typer.Option("--speed", metavar="N", min=0.001, help="Pace of the tape; 1 = as recorded.")
    ] = 1.0,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="PATH", help="Folder to save the market in and to go on from.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="TOML file with API keys, one account each.")
    ] = None,
    funding_every: Annotated[
        str, typer.Option("--funding-every", metavar="TIME", help="Time between two funding payments.")
    ] = "8h",
    weight_limit: Annotated[
        int, typer.Option("--weight-limit", metavar="N", min=0, help="Request weight allowed a minute; 0 = any.")
    ] = 0,
    ban: Annotated[str, typer.Option("--ban", metavar="TIME", help="First ban of an address that ignores 429.")] = "2m",
    listen_key_life: Annotated[
        str, typer.Option("--listen-key-life", metavar="TIME", help="Life of a listen key that is not kept alive.")
    ] = "1h",
    virtual: Annotated[
        bool, typer.Option("--virtual", help="Stand still; `imbalance exchange advance` moves the market.")
    ] = False,
    control: Annotated[
        bool,
        typer.Option("--control", help=f"Take faults and steps, by {_CONTROL_VARIABLE} or else a new token."),
    ] = False,
    control_token: Annotated[
        str | None, typer.Option("--control-token", metavar="TEXT", help=f"The token; better {_CONTROL_VARIABLE}.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the local exchange by itself until Ctrl-C; commands below steer one that runs.

    Any client that speaks Binance USDⓈ-M futures can trade on it by another address.
    """
    given = _given(context)
    if context.invoked_subcommand is not None:
        if given:
            raise UserError(f"{_flag(given[0])} is for running an exchange; put options of a command after its name")
        return
    _check_fit(given)
    from bot.console.key_file import read_keys
    from bot.exchange.process import ExchangeSettings

    known = control_token or os.environ.get(_CONTROL_VARIABLE, "")
    token = secrets.token_urlsafe(24) if control and not known else known
    settings = ExchangeSettings(
        port=port,
        seed=seed,
        symbols=int(symbols) if symbols.isdecimal() else tuple(name.strip() for name in symbols.split(",")),
        alpha=alpha,
        alpha_horizon_s=_length_ns(alpha_horizon, "--alpha-horizon") / _NS_PER_S,
        tape=tape,
        speed=speed,
        state_folder=state,
        funding_every_s=_length_ns(funding_every, "--funding-every") / _NS_PER_S,
        weight_limit=weight_limit,
        ban_s=_length_ns(ban, "--ban") / _NS_PER_S,
        listen_key_life_s=_length_ns(listen_key_life, "--listen-key-life") / _NS_PER_S,
        virtual=virtual,
        control_token=token,
    )
    if keys is not None:
        settings = replace(settings, keys=read_keys(keys))
    if virtual and not settings.control_token:
        raise UserError("--virtual needs --control or a control token: nobody could move the market")
    import asyncio

    asyncio.run(_serve(settings, as_json=as_json, tell_token=token != known))


def faults(
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Tell also what is armed on the exchange there.")
    ] = None,
    token: _Token = None,
    as_json: AsJson = False,
) -> None:
    """List the faults there are, and those that are armed."""
    from bot.console import faults as tables
    from bot.console.documents import show
    from bot.exchange.faults.catalogue import CATALOGUE

    armed = None if url is None else _controlled(url, token).armed()
    document = {"catalogue": list(CATALOGUE.values()), "armed": armed}
    show(tables.overview(list(CATALOGUE.values()), armed), document, as_json=as_json)


def arm(
    name: Annotated[str, typer.Argument(metavar="FAULT", help="`imbalance exchange faults` lists them.")],
    parameters: Annotated[
        list[str] | None, typer.Option("--set", "-s", metavar="NAME=VALUE", help="A parameter of it; repeatable.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="NAME", help="Only there: order, depth, trades, ...")
    ] = None,
    method: Annotated[str | None, typer.Option("--method", metavar="NAME", help="Only GET, POST, ...")] = None,
    path: Annotated[str | None, typer.Option("--path", metavar="PATH", help="Only there: /fapi/v1/ping, say.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", metavar="NAME", help="Only BTCUSDT, say.")] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="NAME", help="Only requests of this API key.")] = None,
    client: Annotated[
        int | None, typer.Option("--client", metavar="N", min=1, help="Only the Nth WebSocket connection.")
    ] = None,
    stream: Annotated[
        str | None, typer.Option("--stream", metavar="PATTERN", help="Only such streams: btcusdt@depth*, say.")
    ] = None,
    skip: Annotated[int | None, typer.Option("--skip", metavar="N", min=0, help="Let N pass first.")] = None,
    count: Annotated[int | None, typer.Option("--count", metavar="N", min=1, help="Strike at most N times.")] = None,
    probability: Annotated[
        float | None, typer.Option("--probability", metavar="P", min=0.0, max=1.0, help="Strike with this chance.")
    ] = None,
    after: Annotated[str | None, typer.Option("--after", metavar="TIME", help="Begin after so long.")] = None,
    for_time: Annotated[str | None, typer.Option("--for", metavar="TIME", help="End after so long.")] = None,
    url: _Url = _URL,
    token: _Token = None,
    as_json: AsJson = False,
) -> None:
    """Arm a fault on a running exchange."""
    from bot.console.documents import show
    from bot.exchange.faults.catalogue import fault_named

    chosen = _parameters(name, parameters or [])
    fault_named(name).checked(chosen)
    where: dict[str, object] = {"endpoint": endpoint, "method": method, "path": path, "symbol": symbol, "key": key}
    where |= {"client": client, "stream": stream}
    when: dict[str, object] = {"skip": skip, "count": count, "probability": probability}
    when |= {"after_ms": _length_ms(after, "--after"), "for_ms": _length_ms(for_time, "--for")}
    words = {word: value for word, value in (where | when).items() if value is not None}
    number = _controlled(url, token).arm(name, **words, **chosen)
    show(f"Armed {name} as number {number}.", {"number": number, "name": name}, as_json=as_json)


def disarm(
    number: Annotated[
        int | None, typer.Argument(metavar="NUMBER", help="As `arm` and `faults` tell it; without it, all.", min=1)
    ] = None,
    url: _Url = _URL,
    token: _Token = None,
    as_json: AsJson = False,
) -> None:
    """Disarm one fault of a running exchange, or all."""
    from bot.console.documents import show

    count = _controlled(url, token).disarm(number)
    show(f"Disarmed {count} {'fault' if count == 1 else 'faults'}.", {"disarmed": count}, as_json=as_json)


def advance(
    length: Annotated[str, typer.Argument(metavar="TIME", help="How far: 500ms, 10s, 1h, ...")],
    url: _Url = _URL,
    token: _Token = None,
    as_json: AsJson = False,
) -> None:
    """Let a virtual market live on for a time."""
    from bot.console.documents import show
    from bot.console.figures import iso

    now_ns = _controlled(url, token).advance(_length_ns(length, "TIME") // _NS_PER_MS) * _NS_PER_MS
    show(f"It is {iso(now_ns)} in the market.", {"market_ns": now_ns}, as_json=as_json)


def digest(url: _Url = _URL, token: _Token = None, as_json: AsJson = False) -> None:
    """Print hashes over the trades so far and over all accounts."""
    from bot.console.documents import show

    told = _controlled(url, token).digest()
    show("\n".join(f"{name:<9} {value}" for name, value in told.items()), told, as_json=as_json)


def _given(context: typer.Context) -> list[str]:
    """Names of the options that were said, not left at their defaults."""
    return [name for name in context.params if str(context.get_parameter_source(name)).endswith("COMMANDLINE")]


def _flag(name: str) -> str:
    return "--json" if name == "as_json" else f"--{name.replace('_', '-')}"


def _check_fit(given: Sequence[str]) -> None:
    if "tape" in given:
        for name in _OF_SYNTHETIC:
            if name in given:
                raise UserError(f"{_flag(name)} is of the synthetic market, and --tape replaces it")
    elif "speed" in given:
        raise UserError("--speed is the pace of a tape: name one with --tape")
    if "control" in given and "control_token" in given:
        raise UserError("--control makes up a token and --control-token names one: leave out one of them")


def _length_ns(text: str, name: str) -> int:
    nanoseconds = length_ns(text, name)
    if nanoseconds is None:
        raise ValueError(f"{name} should have a default")
    return nanoseconds


def _length_ms(text: str | None, name: str) -> int | None:
    return None if text is None else _length_ns(text, name) // _NS_PER_MS


def _controlled(url: str, token: str | None) -> ExchangeControl:
    from bot.exchange.control_client import ExchangeControl

    known = token or os.environ.get(_CONTROL_VARIABLE, "")
    if not known:
        raise UserError(
            f"a control token is needed: --token or {_CONTROL_VARIABLE}; `imbalance exchange --control` tells"
        )
    return ExchangeControl(url, known)


def _parameters(fault: str, pairs: Sequence[str]) -> dict[str, object]:
    from bot.exchange.faults.catalogue import fault_named

    kinds = {parameter.name: type(parameter.default) for parameter in fault_named(fault).parameters}
    told: dict[str, object] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UserError(f"--set should be NAME=VALUE, was {pair!r}")
        told[name.strip()] = text if kinds.get(name.strip(), str) is str else _number(text)
    return told


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text  # which the fault refuses in its own words


async def _serve(settings: ExchangeSettings, *, as_json: bool, tell_token: bool) -> None:
    import asyncio
    import signal

    from rich.console import Console

    from bot.console.documents import print_json
    from bot.exchange.service import serve

    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    console = Console(soft_wrap=True, highlight=False)
    token = settings.control_token if tell_token else None

    def ready(port: int) -> None:
        url = f"http://127.0.0.1:{port}"
        if as_json:
            print_json({"url": url, "port": port, "keys": [one.key for one in settings.keys], "control_token": token})
            return
        names = ", ".join(one.key for one in settings.keys)
        who = "API key local, secret local" if names == "local" else f"API keys {names}"
        console.print(f"Local exchange on {url} ({who}). Ctrl-C stops it.")
        if token is not None:
            console.print(f"Control token: {token}")

    await serve(settings, stop, ready)
