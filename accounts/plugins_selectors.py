"""Reads of the Plugins API: whom a token speaks for, and the shared links of its site."""

from typing import Any

from django.db.models import QuerySet

from accounts.keys import hash_plugins_token
from accounts.models import PluginsToken, SharedLink
from accounts.selectors import site_ref
from accounts.types import PluginsActor, SiteId


def plugins_token_for(text: str) -> PluginsToken | None:
    """Return the token with this text, its site, team and plan loaded; None for an unknown one.

    One indexed query by the hash; nothing is cached, so a deleted token is refused at once.
    """
    tokens = PluginsToken.objects.select_related("site__team__plan")
    return tokens.filter(hash=hash_plugins_token(text)).first()


def plugins_actor_for(token: PluginsToken) -> PluginsActor:
    """Return what a request with this token may do: everything on its one site, as far as the plan goes."""
    return PluginsActor(token_id=token.pk, site=site_ref(token.site), features=token.site.team.features)


def shared_links_listed(site_id: SiteId) -> "QuerySet[SharedLink, Any]":
    """Return the site's shared links for a list that is read page by page."""
    return SharedLink.objects.filter(site_id=site_id)
