"""Evaluates the sets of a sweep on a Dask cluster: the same function on machines that see the same tapes."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.errors import BotError, UserError
from bot.research.crews import Done, Task
from bot.research.evaluation import Evaluate

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE: Final = "10s"
_ADDRESS: Final = re.compile(r"(?:(?:tcp|tls|ws|wss|ucx)://)?[^/\s]+:\d{1,5}")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Evaluates tasks on the cluster whose scheduler `client` talks to; `told` is called when workers leave it."""

    client: Client
    evaluate: Evaluate
    told: Callable[[str], None]

    @staticmethod
    def join(address: str, evaluate: Evaluate, told: Callable[[str], None]) -> Cluster:
        """Connect to the scheduler at an address such as `tcp://127.0.0.1:8786`.

        Raises:
            UserError: it is no address, Dask is not installed, nothing answers there, or the cluster has no workers.
        """
        # Dask begins threads before it reads the address, and they outlive its refusal.
        if not _ADDRESS.fullmatch(address):
            raise UserError(
                f"--cluster should be the address of a Dask scheduler such as tcp://127.0.0.1:8786, was {address!r}"
            )
        try:
            from distributed import Client  # an extra: one machine does without it
        except ImportError:
            raise UserError(
                "--cluster needs dask.distributed: pip install 'imbalance-bot[cluster]', or say --workers N"
            ) from None
        # Its own lines would tear the progress that is shown; what matters is told, or raised.
        for logger in ("distributed", "distributed.client"):  # the second has a level of its own
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        try:
            client = Client(address, timeout=_PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UserError(
                f"--cluster should be the address of a Dask scheduler such as tcp://127.0.0.1:8786, "
                f"nothing answered at {address} ({_line(error)})"
            ) from None
        if not client.nthreads():
            client.close()
            raise UserError(f"the cluster at {address} has no workers: start some with: dask worker {address}")
        return Cluster(client, evaluate, told)

    @property
    def size(self) -> int:
        """How many threads its workers have."""
        return max(1, int(sum(self.client.nthreads().values())))

    def run(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Evaluate every task; Dask gives the tasks of a worker that left to another.

        Raises:
            BotError: workers died over the same task again and again, the scheduler went away, or what the evaluation
                raised.
        """
        from distributed import KilledWorker, as_completed

        futures = {
            self.client.submit(self.evaluate, task.job, task.sets, pure=False, retries=1): task for task in tasks
        }
        try:
            workers = len(self.client.nthreads())
            for future, outcomes in as_completed(list(futures), loop=self.client.loop, with_results=True):
                there = len(self.client.nthreads())
                if there < workers:
                    self.told(f"{workers - there} of {workers} workers left the cluster: their sets are tried again")
                workers = there
                yield futures[future], outcomes
        except KilledWorker as error:
            raise BotError(f"workers of the cluster died over the same sets: {_line(error)}") from None
        except (OSError, CancelledError) as error:
            raise BotError(f"the scheduler of the cluster went away: {_line(error)}") from None
        finally:
            with suppress(OSError):
                self.client.cancel(list(futures))

    def close(self) -> None:
        """Leave the cluster, which goes on."""
        self.client.close()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
