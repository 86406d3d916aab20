"""Watches what a test run mints and logs: no key, token, password, salt or second factor may come out in a log."""

import functools
import logging
import re
from base64 import b32encode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models.signals import post_save
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import keys, two_factor_services
from accounts.models import Site
from revenue import sealing
from stats.models import VisitorSalt

SHORTEST_PASSWORD: Final = 10  # shorter ones are words that any line may hold
_MINTED: Final = re.compile(r"(?:ff_|plausible-plugin-selfhost-)[\w+/-]{13,}")
_SHOWN_CHARACTERS: Final = 16
_MARK: Final = "plausible-plugin-selfhost-"


class SecretWatch(logging.Handler):
    """Remembers every line logged and every secret made while it watches."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: set[str] = set()
        self.minted: set[str] = set()
        self.others: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a record as it would be written, its traceback included."""
        self.lines.add(self.format(record))

    def note_minted(self, text: str) -> None:
        """Remember a key or token; the beginning of its random part is enough to know it by."""
        self.minted.add(_beginning(text))

    def note_bytes(self, secret: bytes) -> None:
        """Remember bytes in the forms in which they might be written."""
        self.others |= {secret.hex(), b64encode(secret).decode(), repr(secret)[2:-1]}

    def leaks(self) -> list[str]:
        """Return the lines that hold a secret."""
        return sorted(line for line in self.lines if self._has_secret(line))

    def _has_secret(self, line: str) -> bool:
        if any(_beginning(text) in self.minted for text in _MINTED.findall(line)):
            return True
        return any(secret in line for secret in self.others)


def _beginning(text: str) -> str:
    return text.removeprefix(_MARK)[:_SHOWN_CHARACTERS]


@contextmanager
def watching(logger: logging.Logger) -> Iterator[SecretWatch]:
    """Watch a logger and those below it, and whatever makes keys, tokens, passwords, salts and secrets of sites."""
    watch = SecretWatch()

    def noted(mint: Callable[[], str]) -> Callable[[], str]:
        @functools.wraps(mint)
        def minted() -> str:
            text = mint()
            watch.note_minted(text)
            return text

        return minted

    mint_recovery_code = two_factor_services._mint_recovery_code

    def noted_recovery_code() -> str:
        code = mint_recovery_code()
        watch.others |= {code, code.replace("-", "")}
        return code

    set_password = AbstractBaseUser.set_password

    def noted_password(self: AbstractBaseUser, raw: str | None) -> None:
        if raw is not None and len(raw) >= SHORTEST_PASSWORD:
            watch.others.add(raw)
        set_password(self, raw)

    seal = sealing.seal

    def noted_seal(server_secret: str, secret: str) -> str:
        sealed = seal(server_secret, secret)
        watch.others |= {secret, sealed}
        return sealed

    def saved(instance: Any, **_signal: object) -> None:
        if isinstance(instance, TOTPDevice):
            watch.others |= {instance.key, b32encode(instance.bin_key).decode()}
        else:
            watch.note_bytes(bytes(instance.salt if isinstance(instance, VisitorSalt) else instance.caller_id_secret))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "mint_key", noted(keys.mint_key))
        patch.setattr(keys, "mint_plugins_token", noted(keys.mint_plugins_token))
        patch.setattr(sealing, "seal", noted_seal)
        patch.setattr(two_factor_services, "_mint_recovery_code", noted_recovery_code)
        patch.setattr(AbstractBaseUser, "set_password", noted_password)
        for record in (VisitorSalt, Site, TOTPDevice):
            post_save.connect(saved, sender=record, weak=False, dispatch_uid=f"secret_watch_{id(watch)}")
        logger.addHandler(watch)
        yield watch
        logger.removeHandler(watch)
        for record in (VisitorSalt, Site, TOTPDevice):
            post_save.disconnect(sender=record, dispatch_uid=f"secret_watch_{id(watch)}")
