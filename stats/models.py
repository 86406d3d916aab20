"""Daily visitor salts, the only records of this app; events and visits live in the event store."""

import secrets
from typing import Final

from django.db import models

SALT_BYTES: Final = 16


def make_salt() -> bytes:
    """Return 16 new random bytes."""
    return secrets.token_bytes(SALT_BYTES)


class VisitorSalt(models.Model):
    """The key under which visitors of one calendar date are hashed; without it their ids cannot be made again.

    Each site uses the salt of its own local date (event contract 3.2).
    """

    date = models.DateField(unique=True)
    salt = models.BinaryField(max_length=SALT_BYTES, default=make_salt, editable=False)

    def __str__(self) -> str:
        return self.date.isoformat()
