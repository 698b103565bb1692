"""The recorded sessions, and tapes of their beginnings."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from bot.feed.binance import Market as Venue
from bot.feed.binance import Stream, import_binance
from storage.tape import Tape

RECORDED = Path(__file__).parents[2] / "../shared/data"

SESSIONS: Mapping[str, tuple[Venue, str]] = {
    "spot NEXOUSDT 2024-07": (Venue.SPOT, "nexousdt-spot-34h/nexousdt_*.dat.gz"),
    "usdm BTCUSDT 2023-04": (Venue.USDM, "binance-streams/usdm/btcusdt_202304*.dat.gz"),
    "usdm BTCUSDT 2024-07": (Venue.USDM, "binance-streams/usdm/btcusdt_202407*.gz"),
    "usdm ETHUSDT 2024-07": (Venue.USDM, "binance-streams/usdm/ethusdt_202407*.gz"),
    "spot BTCUSDT 2024-08": (Venue.SPOT, "binance-streams/spot/btcusdt_202408*.gz"),
    "spot ETHUSDT 2024-08": (Venue.SPOT, "binance-streams/spot/ethusdt_202408*.gz"),
    "cm BTCUSD_PERP 2024-08": (Venue.CM, "binance-streams/cm/btcusd_perp_202408*.gz"),
    "cm ETHUSD_PERP 2024-08": (Venue.CM, "binance-streams/cm/ethusd_perp_202408*.gz"),
}


def recorded_tape(session: str, folder: Path, lines: int | None = None) -> Tape:
    """Import the first `lines` of a session (None: all of it) to a tape in `folder`."""
    venue, pattern = SESSIONS[session]
    files = sorted(RECORDED.glob(pattern))
    if lines is not None:
        head = folder / f"head{files[0].name.split('.')[0]}.dat"
        with gzip.open(files[0], "rt") as whole:
            head.write_text("".join(islice(whole, lines)))
        files = [head]
    import_binance(files, venue, frozenset(Stream), folder / "tape")
    return Tape.open(folder / "tape")
