"""The second factor of a login to the admin: time-based codes of an authenticator app, and recovery codes.

Optional: who has set it up must give a code. The app's secret has to be kept as it is; recovery codes are kept as
keyed hashes and work once each.
"""

import base64
import re
import secrets
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.views.decorators.debug import sensitive_variables
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.keys import hash_key
from accounts.models import User
from accounts.records import write_audit
from analytics_project import clock
from analytics_project.errors import Conflict, InvalidRequest

RECOVERY_CODES: Final = 10
RECOVERY_CODE_CHARACTERS: Final = 12
STORED_CHARACTERS: Final = 16
PENDING_FOR: Final = timedelta(hours=1)
_APP_CODE: Final = re.compile(r"[0-9]{6}")


def enrolled_users(*, of_row: bool = False) -> Any:
    """Return the ids of the people with a second factor, or, for an annotation of people, whether a row has one."""
    devices = TOTPDevice.objects.filter(confirmed=True)
    return Exists(devices.filter(user=OuterRef("pk"))) if of_row else devices.values("user")


def is_enrolled(user: User) -> bool:
    """Tell whether the person must give a code to log in."""
    return _confirmed(user).exists()


def pending_device(user: User) -> TOTPDevice:
    """Return the device that a person is setting up; it lasts an hour, so that a forgotten page tells no secret.

    Raises: Conflict when they have one already.
    """
    if is_enrolled(user):
        raise Conflict("The second factor is set up already", code="second_factor_on")
    TOTPDevice.objects.filter(user=user, confirmed=False, created_at__lt=clock.now() - PENDING_FOR).delete()
    device = TOTPDevice.objects.filter(user=user, confirmed=False).order_by("pk").first()
    return device or TOTPDevice.objects.create(user=user, name="authenticator app", confirmed=False)


@sensitive_variables()
def secret_text(device: TOTPDevice) -> str:
    """Return a device's secret as people type it into an app: base32 in groups of four."""
    text = base64.b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(re.findall(".{1,4}", text))


@sensitive_variables()
@transaction.atomic
def confirm_device(user: User, code: str) -> tuple[TOTPDevice, tuple[str, ...]]:
    """Turn the second factor on with the first code of the app; return the device and the recovery codes, shown once.

    Raises: InvalidRequest for a wrong code, and for one tried too soon after it; Conflict when it is on already.
    """
    User.objects.select_for_update().get(pk=user.pk)
    device = pending_device(user)
    if not device.verify_token(_cleaned(code)):
        raise InvalidRequest("code: is wrong; mind that the clock of your device is right", code="wrong_code")
    device.confirmed = True
    device.save()
    codes = _make_recovery_codes(user)
    write_audit(user, "second_factor.on", user)
    return device, codes


@sensitive_variables()
def device_for_code(user: User, code: str) -> Device | None:
    """Return the device whose code this is, and use the code up; None for a wrong one, or one given too soon after it.

    Six digits are of the app, anything else is a recovery code. Each wrong code makes the next wait for longer.
    """
    text = _cleaned(code)
    is_of_app = _APP_CODE.fullmatch(text) is not None
    with transaction.atomic():
        devices: QuerySet[Any] = _confirmed(user) if is_of_app else StaticDevice.objects.filter(user=user)
        device: Device | None = devices.select_for_update().order_by("pk").first()
        if device is None or not device.verify_token(text if is_of_app else _stored(text)):
            return None
    return device


@sensitive_variables()
@transaction.atomic
def renew_recovery_codes(user: User) -> tuple[str, ...]:
    """Make ten new recovery codes, shown once; the old ones are refused from now on."""
    codes = _make_recovery_codes(user)
    write_audit(user, "second_factor.renew_recovery_codes", user)
    return codes


def recovery_codes_left(user: User) -> int:
    """Return how many recovery codes have not been used."""
    left: int = StaticToken.objects.filter(device__user=user).count()
    return left


@transaction.atomic
def turn_off(user: User, *, who: User) -> None:
    """Let a person log in by password alone again; off already, nothing changes."""
    had_one = is_enrolled(user)
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    if had_one:
        write_audit(who, "second_factor.off", user)


def _confirmed(user: User) -> "QuerySet[TOTPDevice]":
    devices: QuerySet[TOTPDevice] = TOTPDevice.objects.filter(user=user, confirmed=True)
    return devices


@sensitive_variables()
def _make_recovery_codes(user: User) -> tuple[str, ...]:
    device, _ = StaticDevice.objects.get_or_create(user=user, name="recovery codes")
    device.token_set.all().delete()
    codes = tuple(_mint_recovery_code() for _ in range(RECOVERY_CODES))
    StaticToken.objects.bulk_create(StaticToken(device=device, token=_stored(_cleaned(code))) for code in codes)
    return codes


@sensitive_variables()
def _mint_recovery_code() -> str:
    """Return twelve letters and digits, 60 bits of them random, in groups of four."""
    text = base64.b32encode(secrets.token_bytes(8)).decode().lower()[:RECOVERY_CODE_CHARACTERS]
    return "-".join(re.findall(".{4}", text))


def _stored(code: str) -> str:
    """Return what is kept of a recovery code, as much of its keyed hash as the column holds."""
    return hash_key(f"recovery {settings.SECRET_KEY}", code)[:STORED_CHARACTERS]


def _cleaned(code: str) -> str:
    return re.sub(r"[\s-]", "", code).lower()
