"""The matching kernel: what becomes of our orders at the market's own events. One for backtest, paper and replay."""
