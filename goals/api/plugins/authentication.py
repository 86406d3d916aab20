"""Authentication of the Plugins API: a token as the password of Basic, or as Bearer (contract, section 2)."""

import base64
import binascii
from typing import Final

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.plugins_selectors import plugins_actor_for, plugins_token_for
from accounts.services import touch_plugins_token
from accounts.types import PluginsActor
from analytics_project.errors import NotAuthenticated

_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Plugins API Access"'}


class OptionalTokenAuthentication(BaseAuthentication):
    """Knows who asks by a token; a missing or wrong one is nobody's, and no error."""

    def authenticate(self, request: Request) -> tuple[None, PluginsActor] | None:
        """Return the plugin that asks, as `request.auth`; None for nobody. No person is behind a token."""
        text = _token_text(request.META.get("HTTP_AUTHORIZATION", ""))
        token = plugins_token_for(text) if text else None
        if token is None:
            return None
        touch_plugins_token(token)
        return None, plugins_actor_for(token)


class TokenAuthentication(OptionalTokenAuthentication):
    """Admits whoever has a token."""

    def authenticate(self, request: Request) -> tuple[None, PluginsActor]:
        """Return the plugin that asks. Raises: NotAuthenticated without a known token."""
        found = super().authenticate(request)
        if found is None:
            raise NotAuthenticated("A Plugins API token is missing or unknown", headers=_CHALLENGE)
        return found


def _token_text(header: str) -> str:
    """Return the token of an `Authorization` header, empty where it holds none; servers join two headers by a comma."""
    scheme, _, credentials = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        text = base64.b64decode(credentials.strip().encode("ascii"), validate=True).decode()
    except (UnicodeError, binascii.Error):
        return ""
    _user, colon, token = text.partition(":")
    return token if colon else text
