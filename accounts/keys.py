"""The text of keys and tokens: making, hashing, comparing them, and what a key's scopes open.

A key is 64 characters of URL-safe base64, of which the first three are the same on every key, so that secret scanners
know it. It is stored as the SHA-256 of the server's secret and its text. Sources: key contract, sections 1 and 2;
Plugins API contract, section 2 (tokens).
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from typing import Final

from accounts.types import Scope

KEY_LENGTH: Final = 64
KEY_MARK: Final = "ff_"
PREFIX_LENGTH: Final = 6
HINT_LENGTH: Final = 4
PLUGINS_TOKEN_MARK: Final = "plausible-plugin-selfhost"  # noqa: S105 - what existing plugins look for, not a secret

_IMPLICIT_SCOPES: Final = frozenset({Scope.STATS_READ.value, Scope.SITES_READ.value})
_SCOPE_SHAPE: Final = re.compile(r"\*|[a-z][a-z_-]*:(\*|[a-z][a-z_-]*:\*)")


def mint_key() -> str:
    """Return a new API key: 64 URL-safe characters, 366 of its bits random; the README tells scanners its shape."""
    return (KEY_MARK + secrets.token_urlsafe(KEY_LENGTH))[:KEY_LENGTH]


def hash_key(secret: str, text: str) -> str:
    """Return what is stored of a key: lower-case hex SHA-256 of the server's secret followed by the key's text."""
    return hashlib.sha256(secret.encode() + text.encode("utf-8", "surrogatepass")).hexdigest()


def key_prefix(text: str) -> str:
    """Return the first characters of a key, which its owner may see afterwards."""
    return text[:PREFIX_LENGTH]


def hashes_equal(one: str, other: str) -> bool:
    """Compare two hashes in a time that does not depend on where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())


def is_scope(text: str) -> bool:
    """Tell whether `text` has the shape of a scope: `*`, `area:*` or `area:action:*`."""
    return _SCOPE_SHAPE.fullmatch(text) is not None


def scope_allows(held: Iterable[str], required: str) -> bool:
    """Tell whether a key that holds these scopes may do what `required` stands for.

    Every key reads statistics and sites. Beyond that, a held scope without its trailing `*` must be a prefix of the
    required one; an empty held scope opens nothing.
    """
    if required in _IMPLICIT_SCOPES:
        return True
    return any(scope and required.startswith(scope.removesuffix("*")) for scope in held)


def mint_plugins_token() -> str:
    """Return a new Plugins API token: the mark, a dash, and 40 characters of base64."""
    return f"{PLUGINS_TOKEN_MARK}-{base64.b64encode(secrets.token_bytes(30)).decode()}"


def hash_plugins_token(text: str) -> bytes:
    """Return what is stored of a token: the 32 bytes of SHA-256 over its whole text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def token_hint(text: str) -> str:
    """Return the last characters of a token, which its owner may see afterwards."""
    return text[-HINT_LENGTH:]
