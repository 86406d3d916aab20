"""Shared links: made, opened, and their addresses (Sites API contract, section 6; Plugins API contract, section 8)."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from urllib.parse import quote_plus

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from accounts.models import MAX_LINK_NAME_CHARACTERS, SharedLink
from accounts.records import Who, lock_site, write_audit
from accounts.types import Feature, SiteRef
from accounts.validators import is_storable
from analytics_project import clock
from analytics_project.errors import InvalidFields, PaymentRequired

RESERVED_LINK_NAME: Final = "WordPress - Shared Dashboard"
MAX_PASSWORD_CHARACTERS: Final = 1_000  # the hash's work grows with the text
_MOST_KNOWN: Final = 1_000
_known_right: dict[str, None] = {}


@transaction.atomic
def provide_link(
    site: SiteRef,
    name: str,
    features: Collection[Feature],
    *,
    password: str = "",
    expires_at: datetime | None = None,
    who: Who | None = None,
) -> SharedLink:
    """Return the site's link of exactly this name, made if there is none; only making one needs the feature.

    A link that exists keeps its password, or none, and its expiry, or none.
    Raises: InvalidFields for a blank, unusable or reserved name, a password that is too long, and an end that is over;
    PaymentRequired.
    """
    if (link := _link_named(site, name)) is not None:
        return link
    if name == RESERVED_LINK_NAME:
        raise InvalidFields({"name": ["is reserved"]})
    if Feature.SHARED_LINKS not in features:
        raise PaymentRequired("The plan of the team that owns this site does not include Shared Links")
    if expires_at is not None and expires_at <= clock.now():
        raise InvalidFields({"expires_at": ["lies in the past"]})
    return _make_link(site, name, password, who, expires_at=expires_at)


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


def _make_link(
    site: SiteRef, name: str, password: str, who: Who | None, *, expires_at: datetime | None = None
) -> SharedLink:
    chosen = {"password_hash": hash_password(password), "expires_at": expires_at}
    link, is_new = SharedLink.objects.get_or_create(site_id=site.id, name=name, defaults=chosen)
    if is_new:  # else made meanwhile by somebody who takes no lock, such as the admin
        write_audit(who, "link.create", f"{site.domain}: {name}")
    return link


def hash_password(password: str) -> str:
    """Return what is stored of a link's password, nothing for none. Raises: InvalidFields for one that is too long."""
    if len(password) > MAX_PASSWORD_CHARACTERS:
        raise InvalidFields({"password": [f"should be at most {MAX_PASSWORD_CHARACTERS} characters"]})
    return make_password(password) if password else ""


def knows_password(link: SharedLink, password: str) -> bool:
    """Tell whether a password was found to be right for this link before, by this process."""
    return not link.password_hash or _fingerprint(link, password) in _known_right


@sensitive_variables()
def is_password(link: SharedLink, password: str) -> bool:
    """Tell whether a password opens the link. The hash takes 50 ms on purpose, so one that is right is remembered."""
    if knows_password(link, password):
        return True
    is_right = len(password) <= MAX_PASSWORD_CHARACTERS and check_password(password, link.password_hash)
    if is_right:
        while len(_known_right) >= _MOST_KNOWN:
            _known_right.pop(next(iter(_known_right)), None)
        _known_right[_fingerprint(link, password)] = None
    return is_right


def _fingerprint(link: SharedLink, password: str) -> str:
    """Return what a right password is remembered by; another one for the link is another one."""
    return salted_hmac(link.password_hash, password, algorithm="sha256").hexdigest()


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
