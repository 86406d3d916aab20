"""GET and DELETE of the caller's own API keys (key contract, section 1). None is made here: that takes the admin."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import BooleanFilter, CharFilter, ChoiceFilter, FilterSet, UUIDFilter
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.documentation.keys import LIST_KEYS, REVOKE_KEY
from accounts.api.filters import filtered
from accounts.api.pagination import page_by_id
from accounts.api.parameters import record_number
from accounts.api.site_views import SitesApiView
from accounts.key_selectors import KeyState, key_fields, keys_listed_for
from accounts.keys import is_scope
from accounts.services import revoke_key
from analytics_project.documentation import documented
from analytics_project.errors import NotFound


def _validate_scope(text: str) -> None:
    if not is_scope(text):
        raise ValidationError("is no scope such as stats:read:* or sites:provision:*")


class KeyFilter(FilterSet):  # type: ignore[misc]  # the package has no types
    """Narrows the list of keys: by a part of the `name`, `state`, `team`, `legacy` or not, and a `scope` as listed."""

    name = CharFilter(lookup_expr="icontains")
    state = ChoiceFilter(field_name="current_state", choices=[(state, state) for state in KeyState])
    team = UUIDFilter(field_name="team__identifier")
    legacy = BooleanFilter(field_name="team", lookup_expr="isnull")
    scope = CharFilter(method="of_scope", validators=[_validate_scope])

    def of_scope(self, keys: QuerySet[Any, Any], name: str, scope: str) -> QuerySet[Any, Any]:
        """Return the keys among whose scopes is this one: SQLite cannot ask what a JSON list contains."""
        return keys.filter(scopes_text__contains=json.dumps(scope))


class KeysView(SitesApiView):
    """The caller's own keys."""

    @documented(LIST_KEYS)
    def get(self, request: Request) -> Response:
        """List keys, newest first; parameters `name`, `state`, `team`, `legacy`, `scope`."""
        chosen = filtered(KeyFilter, self.parameters, keys_listed_for(self.actor, self.standing))
        page = page_by_id(chosen, self.parameters, "key")
        return Response({"keys": [key_fields(key) for key in page.items], "meta": page.meta})


class OneKeyView(SitesApiView):
    """One of the caller's own keys, named by its number in the path."""

    @documented(REVOKE_KEY)
    def delete(self, request: Request, key_id: str) -> Response:
        """Revoke a key, be it the one that asks; somebody else's is as if there were none."""
        number = record_number("key_id", key_id)
        key = keys_listed_for(self.actor, self.standing).filter(pk=number).first()
        if key is None:
            raise NotFound("API key not found")
        revoke_key(key, who=self.actor)
        return Response({"deleted": True})
