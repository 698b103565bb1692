"""What a strategy file imports (base class, parameters, view, answers), and what the file of a signal imports."""

from bot.market.custom import CustomSignal, Look, param
from bot.trading.contract import Answer, Costs, Hold, OpenOrder, Quotes, Strategy, Target, View, sign

__all__ = [
    "Answer",
    "Costs",
    "CustomSignal",
    "Hold",
    "Look",
    "OpenOrder",
    "Quotes",
    "Strategy",
    "Target",
    "View",
    "param",
    "sign",
]
