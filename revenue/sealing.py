"""Secrets that must be read again are stored sealed: encrypted and signed with a key made of the server's secret."""

from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE: Final = b"footfall: secrets of payment providers"


class UnreadableSealError(Exception):
    """What was sealed cannot be read: the server's secret is another one now, or the text was altered."""


@lru_cache(maxsize=4)
def _box(server_secret: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(server_secret.encode())
    return Fernet(urlsafe_b64encode(key))


def seal(server_secret: str, secret: str) -> str:
    """Return a secret encrypted, as ASCII text, another one each time."""
    return _box(server_secret).encrypt(secret.encode()).decode()


def unseal(server_secret: str, sealed: str) -> str:
    """Return the secret that was sealed. Raises: UnreadableSealError."""
    try:
        return _box(server_secret).decrypt(sealed.encode()).decode()
    except InvalidToken as problem:
        raise UnreadableSealError("it was sealed under another SECRET_KEY, or altered") from problem
