"""What the exchange answers when it says no, in Binance's codes and words.

These are answers on the wire, not errors of the bot, so they stand outside the project's error tree.
"""

from __future__ import annotations

from enum import IntEnum, unique
from http import HTTPStatus
from typing import Final


@unique
class Code(IntEnum):
    """The error codes the exchange gives, named as Binance names them."""

    NO_SUCH_ENDPOINT = -1000
    TOO_MANY_REQUESTS = -1003
    TOO_MANY_ORDERS = -1015
    INVALID_TIMESTAMP = -1021
    INVALID_SIGNATURE = -1022
    DUPLICATE_PARAMETER = -1101
    MANDATORY_PARAM_MISSING = -1102
    BAD_PRECISION = -1111
    INVALID_TIF = -1115
    INVALID_ORDER_TYPE = -1116
    INVALID_SIDE = -1117
    BAD_SYMBOL = -1121
    NO_SUCH_LISTEN_KEY = -1125
    INVALID_PARAMETER = -1130
    NEW_ORDER_REJECTED = -2010
    CANCEL_REJECTED = -2011
    NO_SUCH_ORDER = -2013
    REJECTED_KEY = -2015
    MARGIN_NOT_SUFFICIENT = -2019
    REDUCE_ONLY_REJECT = -2022
    MAX_OPEN_ORDERS = -2025
    ABOVE_LEVERAGE_TIER = -2027
    LEVERAGE_TOO_SMALL = -2028
    QTY_LESS_THAN_ZERO = -4003
    QTY_GREATER_THAN_MAX = -4005
    PRICE_NOT_ON_TICK = -4014
    INVALID_CLIENT_ID_LENGTH = -4015
    LEVERAGE_INVALID = -4028
    NO_NEED_TO_CHANGE_MARGIN_TYPE = -4046
    NO_NEED_TO_CHANGE_POSITION_SIDE = -4059
    POSITION_SIDE_NOT_MATCH = -4061
    SYMBOL_NOT_TRADING = -4108
    DUPLICATE_CLIENT_ID = -4116
    MIN_NOTIONAL = -4164
    FOK_ORDER_REJECT = -5021
    GTX_ORDER_REJECT = -5022


_WORDS: Final = {
    Code.NO_SUCH_ENDPOINT: "The local exchange has no such endpoint.",
    Code.TOO_MANY_REQUESTS: "Too many requests.",
    Code.TOO_MANY_ORDERS: "Too many new orders.",
    Code.INVALID_TIMESTAMP: "Timestamp for this request is outside of the recvWindow.",
    Code.INVALID_SIGNATURE: "Signature for this request is not valid.",
    Code.DUPLICATE_PARAMETER: "Duplicate values for a parameter detected.",
    Code.MANDATORY_PARAM_MISSING: "Mandatory parameter was not sent, was empty/null, or malformed.",
    Code.BAD_PRECISION: "Precision is over the maximum defined for this asset.",
    Code.INVALID_TIF: "Invalid timeInForce.",
    Code.INVALID_ORDER_TYPE: "Invalid orderType.",
    Code.INVALID_SIDE: "Invalid side.",
    Code.BAD_SYMBOL: "Invalid symbol.",
    Code.NO_SUCH_LISTEN_KEY: "This listenKey does not exist.",
    Code.INVALID_PARAMETER: "Data sent for a parameter is not valid.",
    Code.NEW_ORDER_REJECTED: "NEW_ORDER_REJECTED",
    Code.CANCEL_REJECTED: "Unknown order sent.",
    Code.NO_SUCH_ORDER: "Order does not exist.",
    Code.REJECTED_KEY: "Invalid API-key, IP, or permissions for action.",
    Code.MARGIN_NOT_SUFFICIENT: "Margin is insufficient.",
    Code.REDUCE_ONLY_REJECT: "ReduceOnly Order is rejected.",
    Code.MAX_OPEN_ORDERS: "Reach max open order limit.",
    Code.ABOVE_LEVERAGE_TIER: "Exceeded the maximum allowable position at current leverage.",
    Code.LEVERAGE_TOO_SMALL: "Leverage is smaller than permitted: insufficient margin balance.",
    Code.QTY_LESS_THAN_ZERO: "Quantity less than or equal to zero.",
    Code.QTY_GREATER_THAN_MAX: "Quantity greater than max quantity.",
    Code.PRICE_NOT_ON_TICK: "Price not increased by tick size.",
    Code.INVALID_CLIENT_ID_LENGTH: "Client order id is not valid.",
    Code.LEVERAGE_INVALID: "Leverage is not valid.",
    Code.NO_NEED_TO_CHANGE_MARGIN_TYPE: "No need to change margin type.",
    Code.NO_NEED_TO_CHANGE_POSITION_SIDE: "No need to change position side.",
    Code.POSITION_SIDE_NOT_MATCH: "Order's position side does not match user's setting.",
    Code.SYMBOL_NOT_TRADING: "Symbol is not open for trading; orders can only be cancelled.",
    Code.DUPLICATE_CLIENT_ID: "ClientOrderId is duplicated.",
    Code.MIN_NOTIONAL: "Order's notional must be no smaller than the least notional (unless you choose reduce only).",
    Code.FOK_ORDER_REJECT: "Due to the order could not be filled immediately, the FOK order has been rejected.",
    Code.GTX_ORDER_REJECT: "Due to the order could not be executed as maker, the Post Only order will be rejected.",
}
_STATUS: Final = {
    Code.REJECTED_KEY: HTTPStatus.UNAUTHORIZED,
    Code.NO_SUCH_ENDPOINT: HTTPStatus.NOT_FOUND,
}


class Refusal(Exception):
    """A request that the exchange refuses; `status` is the HTTP status, `words` the text on the wire."""

    def __init__(self, code: Code, words: str | None = None) -> None:
        self.code = code
        self.words = words if words is not None else _WORDS[code]
        self.status = int(_STATUS.get(code, HTTPStatus.BAD_REQUEST))
        super().__init__(f"{int(code)} {self.words}")
