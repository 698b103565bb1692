"""The views for people, so that `sqlite3 data/imbalance.db 'select * from trade_log'` is already a viewer.

They hold nothing, so a migration drops them first and creates them again last, from the text here. Numbers are REAL
and rounded to 12 places: exact ones are in the tables and in `tradelog`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

_NAMES = ("trade_log", "positions", "daily_pnl", "decision_log")

_SIGN = "(CASE f.side WHEN 'buy' THEN 1 ELSE -1 END)"

# The instrument may have changed within the run; the one in force is the newest not younger than the fill.
_CONTRACT = """COALESCE((SELECT CAST(i.contract_size AS DOUBLE PRECISION) FROM instruments i
       WHERE i.run_id = f.run_id AND i.symbol = f.symbol AND i.local_ns <= f.local_ns
       ORDER BY i.epoch DESC LIMIT 1), 1.0)"""


def create_views(connection: Connection) -> None:
    """Create the views, in the SQL of the connection's database."""
    sqlite = connection.dialect.name == "sqlite"
    for name, select in _selects(sqlite).items():
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {select}")


def drop_views(connection: Connection) -> None:
    """Drop the views that are there."""
    for name in reversed(_NAMES):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")


def _real(text: str) -> str:
    return f"CAST({text} AS DOUBLE PRECISION)"


def _tidy(number: str, sqlite: bool) -> str:
    return f"ROUND({number}, 12)" if sqlite else f"CAST(ROUND(CAST({number} AS NUMERIC), 12) AS DOUBLE PRECISION)"


def _time(ns: str, sqlite: bool) -> str:
    if sqlite:
        seconds = f"strftime('%Y-%m-%dT%H:%M:%S', {ns} / 1000000000, 'unixepoch')"
        return f"{seconds} || printf('.%06dZ', {ns} / 1000 % 1000000)"
    return f"""to_char(to_timestamp({ns} / 1000 / 1e6) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def _selects(sqlite: bool) -> Mapping[str, str]:
    selects = (_trade_log(sqlite), _positions(sqlite), _daily_pnl(sqlite), _decision_log(sqlite))
    return dict(zip(_NAMES, selects, strict=True))


def _trade_log(sqlite: bool) -> str:
    notional = f"{_real('f.price')} * {_real('f.size')} * {_CONTRACT}"
    position = f"f.position_lots * {_real('f.size')} / f.lots"
    return f"""
SELECT {_time("f.local_ns", sqlite)} AS time, f.run_id AS run, a.name AS account, f.lane, f.symbol, f.side,
       {_real("f.price")} AS price, {_real("f.size")} AS size, {_tidy(notional, sqlite)} AS notional,
       {_real("f.fee")} AS fee, f.fee_asset, f.liquidity, {_real("f.realised")} AS realised,
       {_tidy(position, sqlite)} AS position, COALESCE(n.reason, '') AS reason, f.client_id, f.fill_id
FROM fills f
JOIN accounts a ON a.id = f.account_id
LEFT JOIN intents n ON n.account_id = f.account_id AND n.lane = f.lane AND n.client_id = f.client_id
ORDER BY f.id"""


def _positions(sqlite: bool) -> str:
    # The cost of what is held = bought - sold + realised: true for any sequence of fills, and for any way of rounding.
    cost = f"{_SIGN} * {_real('f.price')} * {_real('f.size')} * {_CONTRACT} + {_real('f.realised')}"
    size = "SUM(lots) * MAX(lot_size)"
    average = f"CASE WHEN SUM(lots) = 0 THEN NULL ELSE SUM(cost) / ({size} * MAX(contract)) END"
    return f"""
WITH latest AS (
  SELECT r.account_id, o.lane, MAX(r.id) AS run_id FROM openings o JOIN runs r ON r.id = o.run_id
  GROUP BY r.account_id, o.lane
), parts AS (
  SELECT l.account_id, l.lane, p.symbol, p.lots, {_real("p.size")} / NULLIF(p.lots, 0) AS lot_size,
         {_real("p.contract_size")} AS contract, {_real("p.entry_cost")} AS cost, {_real("p.realised")} AS realised,
         {_real("p.fees")} AS fees, {_real("p.funding")} AS funding
  FROM latest l JOIN opening_positions p ON p.run_id = l.run_id AND p.lane = l.lane
  UNION ALL
  SELECT l.account_id, l.lane, f.symbol, {_SIGN} * f.lots, {_real("f.size")} / f.lots, {_CONTRACT}, {cost},
         {_real("f.realised")}, CASE WHEN f.fee_asset = a.currency THEN {_real("f.fee")} ELSE 0.0 END, 0.0
  FROM latest l JOIN fills f ON f.run_id = l.run_id AND f.lane = l.lane JOIN accounts a ON a.id = l.account_id
  UNION ALL
  SELECT l.account_id, l.lane, u.symbol, 0, NULL, NULL, 0.0, 0.0, 0.0, {_real("u.amount")}
  FROM latest l JOIN funding u ON u.run_id = l.run_id AND u.lane = l.lane
)
SELECT a.name AS account, lane, symbol, {_tidy(f"COALESCE({size}, 0.0)", sqlite)} AS size,
       {_tidy(average, sqlite)} AS average_entry, {_tidy("SUM(realised)", sqlite)} AS realised,
       {_tidy("SUM(fees)", sqlite)} AS fees, {_tidy("SUM(funding)", sqlite)} AS funding
FROM parts JOIN accounts a ON a.id = parts.account_id
GROUP BY a.id, a.name, lane, symbol
ORDER BY a.id, lane, symbol"""


def _daily_pnl(sqlite: bool) -> str:
    # Longer than a function should be, but one statement. `funding` is a running total in `equity`: a day's is the last
    # of the day less the last of the day before.
    notional = f"{_real('f.price')} * {_real('f.size')} * {_CONTRACT}"
    funding = "COALESCE(funding - LAG(funding, 1, 0.0) OVER (PARTITION BY account_id, lane ORDER BY day), 0.0)"
    return f"""
WITH traded AS (
  SELECT f.account_id, f.lane, substr({_time("f.local_ns", sqlite)}, 1, 10) AS day, COUNT(*) AS fills,
         SUM({notional}) AS notional, SUM({_real("f.realised")}) AS realised,
         SUM(CASE WHEN f.fee_asset = a.currency THEN {_real("f.fee")} ELSE 0.0 END) AS fees
  FROM fills f JOIN accounts a ON a.id = f.account_id GROUP BY 1, 2, 3
), closing AS (
  SELECT r.account_id, e.lane, substr({_time("e.local_ns", sqlite)}, 1, 10) AS day, MAX(e.id) AS id
  FROM equity e JOIN runs r ON r.id = e.run_id GROUP BY 1, 2, 3
), worth AS (
  SELECT c.account_id, c.lane, c.day, {_real("e.equity")} AS equity, {_real("e.funding")} AS funding
  FROM closing c JOIN equity e ON e.id = c.id
), funded AS (
  SELECT account_id, lane, day, equity, {funding} AS funding FROM worth
), days AS (
  SELECT account_id, lane, day FROM traded UNION SELECT account_id, lane, day FROM worth
)
SELECT d.day, a.name AS account, d.lane, COALESCE(t.fills, 0) AS fills,
       {_tidy("COALESCE(t.notional, 0.0)", sqlite)} AS notional,
       {_tidy("COALESCE(t.realised, 0.0)", sqlite)} AS realised, {_tidy("COALESCE(t.fees, 0.0)", sqlite)} AS fees,
       {_tidy("COALESCE(w.funding, 0.0)", sqlite)} AS funding,
       {_tidy("COALESCE(t.realised, 0.0) - COALESCE(t.fees, 0.0) + COALESCE(w.funding, 0.0)", sqlite)} AS net,
       w.equity
FROM days d JOIN accounts a ON a.id = d.account_id
LEFT JOIN traded t ON t.account_id = d.account_id AND t.lane = d.lane AND t.day = d.day
LEFT JOIN funded w ON w.account_id = d.account_id AND w.lane = d.lane AND w.day = d.day
ORDER BY d.day, a.id, d.lane"""


def _decision_log(sqlite: bool) -> str:
    stretch = "OVER (PARTITION BY d.run_id, d.lane, d.symbol ORDER BY d.number)"
    return f"""
SELECT {_time("d.local_ns", sqlite)} AS time, d.run_id AS run, d.lane, d.symbol, d.outcome, d.reason, d.answer,
       COALESCE(LEAD(d.previous_count) {stretch}, h.stretch_count) AS times,
       COALESCE(LEAD({_time("d.previous_last_ns", sqlite)}) {stretch}, {_time("h.local_ns", sqlite)}) AS until,
       d.signals, d.gate_values
FROM decisions d
LEFT JOIN decision_heads h ON h.run_id = d.run_id AND h.lane = d.lane AND h.symbol = d.symbol
ORDER BY d.id"""
