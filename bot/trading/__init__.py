"""What a strategy file imports: the base class, its parameters, its view of the market and its answers."""

from bot.trading.contract import Answer, Costs, Hold, OpenOrder, Quotes, Strategy, Target, View, param, sign

__all__ = ["Answer", "Costs", "Hold", "OpenOrder", "Quotes", "Strategy", "Target", "View", "param", "sign"]
