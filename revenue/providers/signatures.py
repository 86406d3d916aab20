"""Whether an event's raw body was signed with one of a connection's secrets (contract 3.6).

Every signature of the header is compared with every secret, in a time that does not depend on where they differ.
"""

import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from revenue.providers.types import Provider

TOLERANCE_S: Final = 300
MAX_HEADER_CHARACTERS: Final = 4096
MAX_SIGNATURES: Final = 20
STANDARD_SECRET_MARK: Final = "whsec_"  # noqa: S105 - how Standard Webhooks begin a secret that is base64


def is_genuine(
    provider: Provider, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: int
) -> bool:
    """Tell whether the body is signed, and lately where the scheme has a time.

    Header names are in lower case, `now` unix seconds. Missing and malformed headers are no signature; a time from more
    than five minutes ahead is refused like an old one.
    """
    return _SCHEMES[provider](headers, body, secrets, now)


def _stripe(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: int) -> bool:
    stated = _pairs(headers, "stripe-signature", ",")
    return _timed(stated, "t", "v1", b".", body, secrets, now)


def _paddle(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: int) -> bool:
    stated = _pairs(headers, "paddle-signature", ";")
    return _timed(stated, "ts", "h1", b":", body, secrets, now)


def _timed(
    stated: Sequence[tuple[str, str]],
    time_name: str,
    signature_name: str,
    joint: bytes,
    body: bytes,
    secrets: Sequence[str],
    now: int,
) -> bool:
    times = [value for name, value in stated if name == time_name]
    if len(times) != 1 or not _is_recent(times[0], now):
        return False
    signed = times[0].encode() + joint + body
    sent = [value for name, value in stated if name == signature_name]
    return _any_equal(sent, (_digest(secret.encode(), signed).hex() for secret in secrets))


def _lemon_squeezy(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: int) -> bool:
    sent = _header(headers, "x-signature")
    return _any_equal([sent] if sent else [], (_digest(secret.encode(), body).hex() for secret in secrets))


def _shopify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: int) -> bool:
    sent = _header(headers, "x-shopify-hmac-sha256")
    expected = (b64encode(_digest(secret.encode(), body)).decode() for secret in secrets)
    return _any_equal([sent] if sent else [], expected)


def _polar(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: int) -> bool:
    event_id, time = _header(headers, "webhook-id"), _header(headers, "webhook-timestamp")
    if not event_id or not _is_recent(time, now):
        return False
    signed = f"{event_id}.{time}.".encode() + body
    versions = [part.partition(",") for part in _header(headers, "webhook-signature").split(" ")]
    sent = [signature for version, _, signature in versions if version == "v1"]
    keys = [key for secret in secrets for key in _standard_keys(secret)]
    return _any_equal(sent, (b64encode(_digest(key, signed)).decode() for key in keys))


def _standard_keys(secret: str) -> list[bytes]:
    """Return what a secret may stand for: its own bytes, and those that it encodes where it is marked so."""
    keys = [secret.encode()]
    if secret.startswith(STANDARD_SECRET_MARK):
        try:
            keys.append(b64decode(secret.removeprefix(STANDARD_SECRET_MARK), validate=True))
        except Base64Error:
            return keys
    return keys


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "").strip()
    return value if value.isascii() and len(value) <= MAX_HEADER_CHARACTERS else ""


def _pairs(headers: Mapping[str, str], name: str, separator: str) -> list[tuple[str, str]]:
    parts = (part.strip().partition("=") for part in _header(headers, name).split(separator))
    return [(key, value) for key, _, value in parts]


def _is_recent(text: str, now: int) -> bool:
    return text.isdecimal() and text.isascii() and len(text) <= 12 and abs(now - int(text)) <= TOLERANCE_S


def _digest(key: bytes, signed: bytes) -> bytes:
    return hmac.new(key, signed, sha256).digest()


def _any_equal(sent: Sequence[str], expected: Iterable[str]) -> bool:
    found = False
    for one in expected:
        for signature in sent[:MAX_SIGNATURES]:
            found |= hmac.compare_digest(one.encode(), signature.encode())
    return found


_SCHEMES: Final[Mapping[Provider, Callable[[Mapping[str, str], bytes, Sequence[str], int], bool]]] = {
    Provider.STRIPE: _stripe,
    Provider.PADDLE: _paddle,
    Provider.LEMON_SQUEEZY: _lemon_squeezy,
    Provider.POLAR: _polar,
    Provider.SHOPIFY: _shopify,
}
