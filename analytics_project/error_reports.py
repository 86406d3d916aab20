"""What Django's page of an unexpected error may show, with DEBUG as without: no password, key, token or secret."""

import re
from collections.abc import ItemsView
from types import FrameType
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.template.defaultfilters import pprint
from django.views.debug import SafeExceptionReporterFilter

_NAMES: Final = re.compile(
    "API|AUTH|TOKEN|KEY|SECRET|PASS|SALT|SIGNATURE|COOKIE|DATABASE_URL|EVENTS_URL|REDIS_URL|LOCATION", re.IGNORECASE
)
_TEXTS: Final = re.compile(r"ff_[A-Za-z0-9_-]{61}|plausible-plugin-selfhost-[A-Za-z0-9+/]{40}|://[^\s/@]*:[^\s/@]+@")


class SecretFreeReports(SafeExceptionReporterFilter):
    """Stars for settings and variables whose name tells of a secret, and for variables that hold one.

    Django itself shows variables as they are when DEBUG is on, and the addresses of stores with their passwords.
    """

    hidden_settings = _NAMES

    def is_active(self, request: HttpRequest | None) -> bool:
        """Hide what views have marked as sensitive, whether DEBUG is on or off."""
        return True

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> ItemsView[str, Any]:
        """Return the variables of one frame, the secret ones as stars."""
        shown = super().get_traceback_frame_variables(request, tb_frame)
        return {name: self.cleansed_substitute if _is_secret(name, value) else value for name, value in shown}.items()


def _is_secret(name: str, value: object) -> bool:
    text = pprint(value)
    return bool(_NAMES.search(name) or _TEXTS.search(text) or settings.SECRET_KEY in text)
