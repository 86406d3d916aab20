"""Writes of shared links, and their addresses (Sites API contract, section 6; Plugins API contract, section 8)."""

from collections.abc import Collection
from typing import Final
from urllib.parse import quote_plus

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.models import MAX_LINK_NAME_CHARACTERS, SharedLink
from accounts.records import Who, lock_site, write_audit
from accounts.types import Feature, SiteRef
from accounts.validators import is_storable
from analytics_project.errors import InvalidFields, PaymentRequired

RESERVED_LINK_NAME: Final = "WordPress - Shared Dashboard"


@transaction.atomic
def provide_link(site: SiteRef, name: str, features: Collection[Feature], *, who: Who | None = None) -> SharedLink:
    """Return the site's link of exactly this name, made if there is none; only making one needs the feature.

    Raises: InvalidFields for a blank, unusable or reserved name; PaymentRequired.
    """
    if (link := _link_named(site, name)) is not None:
        return link
    if name == RESERVED_LINK_NAME:
        raise InvalidFields({"name": ["is reserved"]})
    if Feature.SHARED_LINKS not in features:
        raise PaymentRequired("The plan of the team that owns this site does not include Shared Links")
    return _make_link(site, name, "", who)


@transaction.atomic
def provide_link_of_plugin(site: SiteRef, name: str, password: str, *, who: Who | None = None) -> SharedLink:
    """Return the site's link of exactly this name, reserved or not, made on any plan if there is none.

    `password`, empty for none, protects a link that is made; one that exists stays as it is. Raises: InvalidFields.
    """
    return _link_named(site, name) or _make_link(site, name, password, who)


def _link_named(site: SiteRef, name: str) -> SharedLink | None:
    if not name.strip() or not is_storable(name):
        raise InvalidFields({"name": ["can't be blank" if not name.strip() else "is invalid"]})
    if len(name) > MAX_LINK_NAME_CHARACTERS:
        raise InvalidFields({"name": [f"should be at most {MAX_LINK_NAME_CHARACTERS} characters"]})
    lock_site(site)
    return SharedLink.objects.filter(site_id=site.id, name=name).first()


def _make_link(site: SiteRef, name: str, password: str, who: Who | None) -> SharedLink:
    hashed = make_password(password) if password else ""
    link, is_new = SharedLink.objects.get_or_create(site_id=site.id, name=name, defaults={"password_hash": hashed})
    if is_new:  # else made meanwhile by somebody who takes no lock, such as the admin
        write_audit(who, "link.create", f"{site.domain}: {name}")
    return link


def link_url(site: SiteRef, link: SharedLink, *, base: str) -> str:
    """Return the link's address below BASE_URL, or below `base` where that is not set."""
    return f"{(settings.BASE_URL or base).rstrip('/')}/share/{quote_plus(site.domain)}?auth={link.slug}"


def link_fields(site: SiteRef, link: SharedLink, *, base: str) -> dict[str, object]:
    """Return a link as plugins see it (Plugins API contract, section 8); `base` as in `link_url`."""
    return {
        "id": link.pk,
        "name": link.name,
        "password_protected": link.password_hash != "",
        "href": link_url(site, link, base=base),
    }
