"""The sections of config.toml but sizing and risk: every key with its bounds, default and a sentence with its unit.

The defaults equal the shipped config.toml, so that a missing key and an untouched one mean the same.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from bot.config_latency import MEASURED, UNTOLD, Latency, waits_ns
from bot.config_values import (
    EVERY_BOOK,
    STRICT,
    BookOrDuration,
    Duration,
    Exact,
    Names,
    QueueName,
    Scalar,
    duration_ns,
    split_names,
)
from bot.types import FillAssumption


class ExchangeSettings(BaseModel):
    """Which exchange, and which of its markets."""

    model_config = STRICT

    id: str = Field(
        default="local", min_length=1, description='"local" for the embedded exchange, or a ccxt exchange id.'
    )
    symbols: Names = Field(
        default=("BTC/USDT:USDT", "ETH/USDT:USDT"),
        min_length=1,
        description="Unified ccxt symbols to follow and trade.",
    )
    base_url: str = Field(
        default="", description="Another address for the exchange's REST and WebSocket; empty = its own."
    )
    key_file: str = Field(
        default="", description="TOML file with api_key and secret, readable by its owner only; empty = none."
    )
    seed: int = Field(default=7, ge=0, lt=2**63, description="Seed of the local exchange's synthetic market.")
    alpha: float = Field(
        default=1.0, ge=0, le=10, description="Strength of the local market's planted alpha; 0 = none."
    )
    port: int = Field(
        default=0, ge=0, le=65_535, description="Port of the local exchange on 127.0.0.1; 0 = any free one."
    )
    timeout: Duration = Field(default="5s", description="Longest wait for one answer of the exchange, as a duration.")

    @property
    def timeout_ns(self) -> int:
        """`timeout` in nanoseconds."""
        return duration_ns(self.timeout)


class FeedSettings(BaseModel):
    """How market events are gathered."""

    model_config = STRICT

    mode: Literal["poll", "stream", "auto"] = Field(
        default="poll",
        description='"poll" asks again and again, "stream" is told by WebSocket, "auto" streams and polls what fails.',
    )
    book_every: Duration = Field(
        default="250ms", description="Time between two polls of one order book, as a duration."
    )
    trades_every: Duration = Field(
        default="500ms", description="Time between two polls of one trade list, as a duration."
    )
    depth: int = Field(default=20, ge=1, le=1000, description="Price levels to ask for on each side of the book.")
    stale_after: Duration = Field(
        default="3s", description="Silence after which a feed counts as unhealthy, as a duration."
    )
    record: bool = Field(
        default=True, description="Whether to record the market as a tape, so that the run can be replayed."
    )
    trades_method: Literal["", "aggTrades", "trades"] = Field(
        default="",
        description='Which trade list to poll: "aggTrades", "trades", or empty for what the exchange does best.',
    )

    @property
    def book_every_ns(self) -> int:
        """`book_every` in nanoseconds."""
        return duration_ns(self.book_every)

    @property
    def trades_every_ns(self) -> int:
        """`trades_every` in nanoseconds."""
        return duration_ns(self.trades_every)

    @property
    def stale_after_ns(self) -> int:
        """`stale_after` in nanoseconds."""
        return duration_ns(self.stale_after)


class StrategySettings(BaseModel):
    """Which strategy trades, and how often it is asked."""

    model_config = STRICT

    use: str = Field(
        default="imbalance_maker",
        min_length=1,
        description='A name in a strategy folder, "pkg.mod:Class", a path "./my_alpha.py", or an entry point.',
    )
    every: BookOrDuration = Field(
        default="250ms",
        description='Event time between two decisions, as a duration; or "book": on every change of it.',
    )
    folders: Names = Field(default=("strategies",), description="Folders that strategy files may come from.")
    time_limit: Duration = Field(
        default="100ms", description="A decision that computes for longer is cut off, as a duration."
    )
    on_error: Literal["halt", "flatten"] = Field(
        default="halt",
        description='When the strategy raises or hangs: "halt", or "flatten" to close its position as well.',
    )
    params: dict[str, Scalar] = Field(
        default_factory=dict, description="The strategy's own parameters; checked against its fields when it is loaded."
    )

    @property
    def every_ns(self) -> int:
        """`every` in nanoseconds; 0 decides on every book."""
        return 0 if self.every == EVERY_BOOK else duration_ns(self.every)

    @property
    def time_limit_ns(self) -> int:
        """`time_limit` in nanoseconds."""
        return duration_ns(self.time_limit)


class SignalSettings(BaseModel):
    """Where signals and models of your own may come from."""

    model_config = STRICT

    folders: Names = Field(
        default=("signals",), description="Folders that the files of signals and of models may come from."
    )


class ForecastSettings(BaseModel):
    """The online forecast; it runs when the strategy lists a forecast signal."""

    model_config = STRICT

    horizon: Duration = Field(default="5s", description="How far ahead the mid's move is forecast, as a duration.")
    on: Names = Field(default=("depth_imbalance(5)", "ofi(1s)"), min_length=1, description="Signals it learns from.")
    halflife: Duration = Field(default="10m", description="Age at which a label counts half, as a duration.")
    warm_labels: int = Field(default=30, ge=2, description="Labels needed before the forecast has a value.")
    model: str = Field(
        default="",
        description='"my_model:make" to forecast with a model of your own (scikit-learn); empty = least squares.',
    )
    labels: int = Field(default=5000, ge=2, description="How many of the newest labels such a model is fitted to.")
    refit_every: int = Field(
        default=500, ge=1, description="New labels after which it is fitted again; a fit delays the decision it is in."
    )

    @property
    def horizon_ns(self) -> int:
        """`horizon` in nanoseconds."""
        return duration_ns(self.horizon)

    @property
    def halflife_ns(self) -> int:
        """`halflife` in nanoseconds."""
        return duration_ns(self.halflife)


class FeeTierSettings(BaseModel):
    """Fees of those who traded much."""

    model_config = STRICT

    from_volume: Exact = Field(
        gt=0, description="Volume of the last 30 UTC days from which on these fees hold, in quote currency."
    )
    maker_bps: Exact = Field(
        ge=-100, le=1000, description="Fee for adding to the book, in basis points; negative = rebate."
    )
    taker_bps: Exact = Field(ge=-100, le=1000, description="Fee for taking from the book, in basis points.")


class PaperSettings(BaseModel):
    """The paper account and the exchange it imagines."""

    model_config = STRICT

    account: str = Field(
        default="paper",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        description="Name of the account; it lives on across runs.",
    )
    balance: Exact = Field(
        default=Decimal(10_000), gt=0, description="Opening balance of a new account, in `currency`."
    )
    currency: str = Field(
        default="USDT", min_length=1, description="Currency of the balance; symbols must be quoted in it."
    )
    maker_bps: Exact = Field(
        default=Decimal(2),
        ge=-100,
        le=1000,
        description="Fee for adding to the book, in basis points; negative = rebate.",
    )
    taker_bps: Exact = Field(
        default=Decimal(5), ge=-100, le=1000, description="Fee for taking from the book, in basis points."
    )
    tiers: tuple[FeeTierSettings, ...] = Field(
        default=(), description="Other fees from a 30-day volume on, looked up at midnight UTC; rising volumes."
    )
    leverage: Exact = Field(
        default=Decimal(20), ge=1, le=1000, description="Value of positions and orders that margin may carry: 20 = 20x."
    )
    maintenance_margin: Exact = Field(
        default=Decimal("0.005"),
        ge=0,
        lt=1,
        description="Equity below which positions are closed by force, as a fraction of their value.",
    )
    liquidation_bps: Exact = Field(
        default=Decimal(50), ge=0, le=1000, description="Fee for that on top of the taker fee, in basis points."
    )
    latency: Latency = Field(
        default=UNTOLD,
        description="Round trip from order to exchange and back, as a duration; "
        '"file:latencies.csv" draws it from a table, one number of milliseconds a line; '
        '"measured" is the newest that the feed measured.',
    )
    queue: QueueName = Field(
        default="uniform",
        description='Who cancelled when a level shrinks untraded: "risk_averse", "uniform", "log" or "power(N)".',
    )
    protection_bps: Exact = Field(
        default=Decimal(10), ge=0, description="How far beyond the touch an immediate order may go, in basis points."
    )
    lanes: Annotated[tuple[FillAssumption, ...], BeforeValidator(split_names)] = Field(
        default=(FillAssumption.QUEUE, FillAssumption.TOUCH, FillAssumption.THROUGH),
        min_length=1,
        description="Fill assumptions run side by side; the first is the account itself.",
    )

    @property
    def latency_ns(self) -> int:
        """`latency` in nanoseconds; of a table the median, and what counts until the first is told when measured."""
        waits = sorted(self.waits_ns)
        return waits[len(waits) // 2] if waits else duration_ns(UNTOLD if self.measures else str(self.latency))

    @property
    def measures(self) -> bool:
        """Whether orders take as long as the feed measures."""
        return self.latency == MEASURED

    @property
    def waits_ns(self) -> tuple[int, ...]:
        """Round trips in nanoseconds to draw from; none when `latency` is one duration."""
        return waits_ns(self.latency)


class StorageSettings(BaseModel):
    """Where the trade log and the tapes live."""

    model_config = STRICT

    url: str = Field(
        default="sqlite:///data/imbalance.db", min_length=1, description="SQLAlchemy URL of the trade log."
    )
    folder: str = Field(
        default="data", min_length=1, description="Folder for tapes, the local exchange's state, the control file."
    )


class ConsoleSettings(BaseModel):
    """What the terminal shows."""

    model_config = STRICT

    refresh: Duration = Field(default="500ms", description="Time between two pictures of the dashboard, as a duration.")

    @property
    def refresh_ns(self) -> int:
        """`refresh` in nanoseconds."""
        return duration_ns(self.refresh)
