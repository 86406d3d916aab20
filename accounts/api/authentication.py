"""Bearer authentication of the REST APIs: gates 1 to 4 of the key contract, section 5.

A view says what it needs with four attributes: `surface` (default `Surface.STATS`) for the words of a refusal,
`requires_site_id` (default False) for the gate that comes before the key, `limits` (default `TeamAndUserLimits`) for
how many requests are admitted, `admits_links` (default False) for shared links in the place of keys, and, in its own
code, the scope that it hands to `accounts.selectors.site_for`. After this, `request.user` is the User and
`request.auth` the Actor; with a shared link nobody, a LinkHolder, and a LinkActor.
"""

from collections.abc import Mapping
from typing import Final, Literal

from django.contrib.auth.models import AnonymousUser
from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DjangoSession
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts.api.throttles import RequestLimits, TeamAndUserLimits, over_limit, request_counters
from accounts.link_services import is_password, knows_password
from accounts.models import User
from accounts.selectors import (
    actor_for,
    actor_for_person,
    key_for,
    link_named,
    missing_site_id,
    quota_of_key,
    quota_of_site,
    refusal,
)
from accounts.services import touch_key
from accounts.types import Actor, LinkActor, SiteId, Surface, TeamQuota
from analytics_project.errors import InvalidRequest, NotAuthenticated

_LIMITS: Final = TeamAndUserLimits()
PASSWORD_WINDOW_S: Final = 900
PASSWORDS_PER_LINK: Final = 30


class LinkHolder(AnonymousUser):
    """Whoever asks with a shared link: nobody in particular, and let in."""

    @property
    def is_authenticated(self) -> Literal[True]:  # type: ignore[override]  # as people who are known
        """Return True."""
        return True


class BearerAuthentication(BaseAuthentication):
    """Takes `Authorization: Bearer <key>` and nothing else: no query parameter, no Basic, no cookie."""

    def authenticate(self, request: Request) -> tuple[User | LinkHolder, Actor | LinkActor]:
        """Return the key's user and the Actor that `site_for` takes.

        Raises: NotAuthenticated without a bearer key or with one that is not usable; InvalidRequest, before the key is
        looked at, where the view requires a site id and none was sent; RateLimited for a known key over a limit.
        """
        text = _bearer_text(request)
        view = (request.parser_context or {}).get("view")
        if getattr(view, "requires_site_id", False):
            site_id_text(request)
        limits: RequestLimits = getattr(view, "limits", _LIMITS)
        key = key_for(text)
        if key is None:
            opened = _opened_link(text) if getattr(view, "admits_links", False) else None
            if opened is None:
                raise refusal(getattr(view, "surface", Surface.STATS))
            by_link, quota = opened
            limits.count(request, by_link, lambda: quota)
            return LinkHolder(), by_link
        touch_key(key)
        actor = actor_for(key)
        limits.count(request, actor, lambda: quota_of_key(key) or _quota_of_named_site(request))
        return key.user, actor


@sensitive_variables()
def _opened_link(text: str) -> tuple[LinkActor, TeamQuota] | None:
    """Return whom a shared link speaks for, `slug` or `slug:password`, and whose requests its are; None for no link.

    Raises: RateLimited for too many passwords that were not known to be right.
    """
    slug, _, password = text.partition(":")
    link = link_named(slug)
    if link is None:
        return None
    if not knows_password(link, password):
        if request_counters().count(f"link {link.pk} passwords", PASSWORD_WINDOW_S) > PASSWORDS_PER_LINK:
            raise over_limit(PASSWORDS_PER_LINK, PASSWORD_WINDOW_S, "shared link's password")
        if not is_password(link, password):
            return None
    team = link.site.team
    return LinkActor(link.pk, SiteId(link.site_id), team.pk), TeamQuota(team.pk, team.hourly_limit)


class SessionAuthentication(DjangoSession):
    """Takes the session of a person who logged in, with the CSRF token that goes with it; no key."""

    def authenticate(self, request: Request) -> tuple[User, Actor]:
        """Return the person and the Actor that `site_for` takes.

        Raises: NotAuthenticated for nobody; PermissionDenied (403) without the CSRF token.
        """
        found = super().authenticate(request)
        if found is None:
            raise NotAuthenticated("Log in first; with an API key ask POST /api/v2/query", code="not_logged_in")
        return found[0], actor_for_person(found[0])


def actor_of(request: Request) -> Actor:
    """Return on whose behalf an authenticated request acts. Raises: NotAuthenticated for a request of nobody."""
    if not isinstance(request.auth, Actor):
        raise missing_key()
    return request.auth


def missing_key() -> NotAuthenticated:
    """Return the 401 for a request that carries no bearer key."""
    return NotAuthenticated("An API key is missing: send it as 'Authorization: Bearer <key>'", code="missing_key")


def _bearer_text(request: Request) -> str:
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise missing_key()
    return text.strip()


def site_id_text(request: Request) -> str:
    """Return the text that names the request's site: from the path, else the body, else the query string.

    Raises: InvalidRequest when it is absent, empty or not text.
    """
    path: Mapping[str, object] = (request.parser_context or {}).get("kwargs", {})
    value = path["site_id"] if "site_id" in path else _sent_site_id(request)
    if not isinstance(value, str):
        raise InvalidRequest(f"site_id must be text, not {type(value).__name__}", code="invalid_site_id")
    if not value.strip():
        raise missing_site_id()
    return value.strip()


def _quota_of_named_site(request: Request) -> TeamQuota | None:
    """Return the quota that a legacy key's request uses up, None where it names no site.

    A body that cannot be read is answered 400 from here: read again by the view, it would look empty.
    """
    try:
        return quota_of_site(site_id_text(request))
    except InvalidRequest:
        return None


def _sent_site_id(request: Request) -> object:
    """Return `site_id` of body or query string; nothing else reads the body, so an upload's stream is left alone."""
    if request.method not in SAFE_METHODS and isinstance(request.data, Mapping) and "site_id" in request.data:
        return request.data["site_id"]
    return request.query_params.get("site_id", "")
