"""The parameters that a search goes over, read from texts such as `enter=0.1:0.6:0.05` and held against bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from bot.errors import ConfigError, UserError
from bot.market.custom import parameters
from bot.nearest import did_you_mean
from bot.trading.arguments import checked
from bot.trading.loading import LoadedStrategy
from storage.sweeps import Params

_MOST_VALUES: Final = 10_000
_SHAPES: Final = "values such as 0.05,0.1, steps such as 0.1:0.6:0.05, or a range such as 0.1:0.6"


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter of a search: the `values` it may have, or, when there are none, any number from `low` to `high`.

    `whole` says that such a number has to be whole.
    """

    name: str
    values: tuple[Any, ...]
    low: float = 0.0
    high: float = 0.0
    whole: bool = False

    def at(self, share: float) -> Any:
        """Return the value that lies a `share` (from 0 to below 1) of the way along the axis."""
        if self.values:
            return self.values[int(share * len(self.values))]
        if self.whole:
            return int(self.low) + int(share * (int(self.high) - int(self.low) + 1))
        return self.low + share * (self.high - self.low)

    def place(self, value: Any) -> float:
        """Return where a value of the axis lies, in steps from its beginning; a range has ten."""
        if self.values:
            return float(self.values.index(value))
        return (float(value) - self.low) / (self.high - self.low) * 10


@dataclass(frozen=True, slots=True)
class Space:
    """All sets that a search may try: `axes` move, and `base` is what every parameter is otherwise."""

    axes: tuple[Axis, ...]
    base: Params

    @property
    def size(self) -> int | None:
        """How many sets there are; None when a parameter may have any value of a range."""
        size = 1
        for axis in self.axes:
            if not axis.values:
                return None
            size *= len(axis.values)
        return size

    def params(self, values: Mapping[str, Any]) -> Params:
        """Return all parameters, those of the axes as given by name."""
        return tuple((name, values.get(name, value)) for name, value in self.base)


def space_of(texts: Sequence[str], strategy: LoadedStrategy, given: Mapping[str, Any]) -> Space:
    """Read what `--param` says, and take `given` and then the strategy's defaults for all other parameters.

    Raises:
        UserError: one names no parameter of the strategy, says no values, or lies outside the declared bounds.
    """
    known = parameters(strategy.cls)
    axes: list[Axis] = []
    for text in texts:
        name, equals, said = text.partition("=")
        name = name.strip()
        if not equals or not said.strip():
            raise UserError(f"--param should be name={_SHAPES}, was {text!r}")
        if name not in known:
            raise UserError(f"--param {name} is not a parameter of {strategy.name}{did_you_mean(name, known)}")
        if name in [axis.name for axis in axes]:
            raise UserError(f"--param {name} stands there twice: put its values into one, with commas between")
        axes.append(_axis(name, said.strip(), known[name].default))
    for axis in axes:
        _check(axis, strategy)
    built = strategy.build(given)
    return Space(tuple(axes), tuple((name, getattr(built, name)) for name in known))


def _axis(name: str, said: str, default: Any) -> Axis:
    """Read one axis; a number of a whole parameter is whole."""
    if isinstance(default, bool):
        return Axis(name, _distinct(name, [_truth(name, word) for word in said.split(",")]))
    if not isinstance(default, int | float):
        return Axis(name, _distinct(name, [word.strip() for word in said.split(",")]))
    if ":" not in said:
        return Axis(name, _distinct(name, sorted(_as(default, _number(name, word)) for word in said.split(","))))
    bounds = [_number(name, word) for word in said.split(":")]
    if len(bounds) not in (2, 3) or not bounds[0] < bounds[1] or (len(bounds) == 3 and bounds[2] <= 0):
        raise UserError(f"--param {name} should be {_SHAPES}, lowest first, was {said!r}")
    if len(bounds) == 2:
        return Axis(name, (), float(bounds[0]), float(bounds[1]), isinstance(default, int))
    low, high, step = bounds
    steps = int((high - low) / step)
    if steps >= _MOST_VALUES:
        raise UserError(
            f"--param {name} should have at most {_MOST_VALUES:,} values, was {said!r}: make its step longer"
        )
    return Axis(name, tuple(_as(default, low + step * number) for number in range(steps + 1)))


def _check(axis: Axis, strategy: LoadedStrategy) -> None:
    """Hold all values of an axis, or both its ends, against what the strategy declared."""
    known = parameters(strategy.cls)
    for value in axis.values or (axis.low, axis.high):
        try:
            checked({axis.name: value}, known, "--param ", strategy.name)
        except ConfigError as error:
            raise UserError(str(error)) from None


def _number(name: str, word: str) -> Decimal:
    try:
        number = Decimal(word.strip())
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise UserError(f"--param {name} should be {_SHAPES}, was {word.strip()!r}")
    return number


def _as(default: Any, number: Decimal) -> int | float:
    """The number in the type of the parameter; one that is not whole stays so, and is refused with the bounds."""
    return int(number) if isinstance(default, int) and number == int(number) else float(number)


def _truth(name: str, word: str) -> bool:
    if word.strip() not in ("true", "false"):
        raise UserError(f"--param {name} should be true, false or true,false, was {word.strip()!r}")
    return word.strip() == "true"


def _distinct(name: str, values: list[Any]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise UserError(f"--param {name} should have distinct values, was {','.join(map(str, values))}")
    return tuple(values)
