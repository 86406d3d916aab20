"""What views demand beyond a usable key: the roles that suffice on a site, and keys that may write."""

from typing import Final

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.types import Actor, Role
from analytics_project.errors import Forbidden

# Handed to `accounts.selectors.site_for`; guest roles count by their name. Source: key contract, section 4.
SITE_READERS: Final = frozenset({Role.OWNER, Role.ADMIN, Role.EDITOR, Role.VIEWER})
SITE_EDITORS: Final = frozenset({Role.OWNER, Role.ADMIN, Role.EDITOR})
SITE_MANAGERS: Final = frozenset({Role.OWNER, Role.ADMIN})
SITE_OWNERS: Final = frozenset({Role.OWNER})


class KeyMayWrite(BasePermission):
    """Refuses read-only keys wherever something is written, before the request's content is looked at."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the key may make this request. Raises: Forbidden for a read-only key that would write."""
        if isinstance(request.auth, Actor) and request.auth.read_only and request.method not in SAFE_METHODS:
            raise Forbidden("This API key is read-only", code="read_only_key")
        return True
