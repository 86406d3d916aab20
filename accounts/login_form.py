"""The admin's login: e-mail address, password and, for who has set it up, a code. Attempts are counted and limited.

Every attempt counts, on the account named and on the address it comes from, before anything is looked up; so what is
said at a limit tells nothing of accounts. Names and addresses are kept as hashes only.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from accounts.api.throttles import request_counters
from accounts.models import User
from accounts.request_counters import seconds_left
from accounts.two_factor_services import device_for_code, is_enrolled
from stats.ingest.addresses import TrustedProxies, client_address

WINDOW_S: Final = 900
ATTEMPTS_PER_ACCOUNT: Final = 10
ATTEMPTS_PER_ADDRESS: Final = 50
TOO_MANY: Final = "too_many_attempts"


class LoginForm(AdminAuthenticationForm):
    """Raises the same error for every account beyond the limits, known or not, and says of a code only to who knows
    the password."""

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        TOO_MANY: "Too many attempts to log in. Try again in %(minutes)d min.",
        "code_required": "Your account asks for a code: from your authenticator app, or one of your recovery codes.",
        "wrong_code": "This code is wrong or has been used. Wait for the next one.",
    }
    code = forms.CharField(
        label="Code",
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "size": 16}),
        help_text="Only if you have set up a second factor.",
    )

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        self._count_attempt()
        cleaned = super().clean()
        user = self.get_user()
        if isinstance(user, User) and is_enrolled(user):
            code = cleaned.get("code", "")
            if not code:
                raise self._error("code_required")
            device = device_for_code(user, code)
            if device is None:
                raise self._error("wrong_code")
            user.otp_device = device  # type: ignore[attr-defined]  # django-otp keeps it in the session from here
        return cleaned

    def _count_attempt(self) -> None:
        """Count on the address, then on the account. Raises: ValidationError beyond a limit."""
        if self.request is None:
            return
        account = str(self.data.get("username", "")).strip().lower()
        subjects = (
            ("address", _address(self.request), ATTEMPTS_PER_ADDRESS),
            ("account", account, ATTEMPTS_PER_ACCOUNT),
        )
        for kind, text, limit in subjects:
            name = hashlib.sha256(f"{settings.SECRET_KEY} {text}".encode("utf-8", "surrogatepass")).hexdigest()
            if request_counters().count(f"login {kind} {name}", WINDOW_S) > limit:
                raise self._error(TOO_MANY, minutes=-(-seconds_left(WINDOW_S) // 60))

    def _error(self, code: str, **values: object) -> forms.ValidationError:
        return forms.ValidationError(self.error_messages[code], code=code, params=values)


def _address(request: HttpRequest) -> str:
    """Return the client's address by the rule of intake: headers of trusted proxies, else the socket's."""
    headers: Mapping[bytes, bytes] = {
        name.lower().encode(): value.encode("latin-1", "replace") for name, value in request.headers.items()
    }
    peer = request.META.get("REMOTE_ADDR", "")
    return client_address(headers, peer, TrustedProxies(settings.TRUSTED_PROXIES).trusts(peer))
