"""Who signed a request: key, time window and HMAC, checked in Binance's order."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from bot.exchange.accounts.account import Account
from bot.exchange.refusal import Code, Refusal

_AHEAD_MS: Final = 1_000
_WINDOW_MS: Final = 5_000
_LONGEST_WINDOW_MS: Final = 60_000


def signer(
    accounts: Mapping[str, Account],
    key: str | None,
    payload: str,
    parameters: Mapping[str, str],
    clocks_ms: Iterable[int],
) -> Account:
    """The account whose signature is on a request.

    `payload` is the query and the form body as sent, one after the other; the signature is its last parameter, in
    hexadecimal digits of either case. The timestamp has to fit one of `clocks_ms` (a replay has two: market time and
    the wall's).

    Raises:
        Refusal: the key is unknown or revoked, the timestamp missing or outside the window, or the signature wrong.
    """
    account = accounts.get(key or "")
    if account is None or account.is_revoked:
        raise Refusal(Code.REJECTED_KEY)
    stamp, window = _whole(parameters, "timestamp", None), _whole(parameters, "recvWindow", _WINDOW_MS)
    if window > _LONGEST_WINDOW_MS:
        raise Refusal(Code.INVALID_PARAMETER, "recvWindow must be less than 60000.")
    if not any(stamp < now + _AHEAD_MS and now - stamp <= window for now in clocks_ms):
        raise Refusal(Code.INVALID_TIMESTAMP)
    signed, _, signature = payload.rpartition("signature=")
    wanted = hmac.new(account.secret.encode(), signed.removesuffix("&").encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), signature.lower().encode()):
        raise Refusal(Code.INVALID_SIGNATURE)
    return account


def _whole(parameters: Mapping[str, str], name: str, default: int | None) -> int:
    text = parameters.get(name, "")
    if not text and default is not None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise Refusal(
            Code.MANDATORY_PARAM_MISSING,
            f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
        )
    return int(text)
