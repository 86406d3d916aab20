"""Visitors as clients of the Goals & Revenue API name them (revenue contract, 1.6; event contract, 3.3)."""

from collections.abc import Collection

from django.core.exceptions import ObjectDoesNotExist

from accounts.selectors import caller_id_secret
from accounts.types import SiteRef
from analytics_project.errors import NotFound
from stats.ingest.visitor import number_of_visitor, parse_visitor_text, visitor_text
from stats.models import NamedVisitor
from stats.query.identities import identified_users
from stats.services import event_store, keep_identity, knows_identities, wait_for_accepted


def visitor_number(site: SiteRef, text: str) -> int:
    """Return the 64-bit id that a client's text means: the one that the tracker shows, or the hash of its own name.

    Raises: Site.DoesNotExist for a site deleted just now.
    """
    return number_of_visitor(caller_id_secret(site.id), text)


def identify_visitor(site: SiteRef, visitor: str, user: str) -> None:
    """Keep that a visitor, seen or not, is a user, both as clients name them; the latest word counts.

    Raises: NotFound for a site deleted just now; StoreUnavailable when it cannot be kept.
    """
    try:
        numbers = visitor_number(site, visitor), visitor_number(site, user)
    except ObjectDoesNotExist as problem:
        raise NotFound("Site not found") from problem
    keep_identity(site, *numbers)


def identified_among(site: SiteRef, users: Collection[str]) -> frozenset[str]:
    """Return which of some users (`v_…`) visitors of a site have been identified as.

    A command beside the server of an embedded store cannot know, and gets none. Raises: StoreUnavailable.
    """
    if not users or not knows_identities():
        return frozenset()
    wait_for_accepted(site.id)
    numbers = {number: text for text in users if (number := parse_visitor_text(text)) is not None}
    return frozenset(numbers[number] for number in identified_users(event_store(), site.id, numbers))


def name_visitor(site: SiteRef, number: int, text: str) -> None:
    """Remember what a client calls a visitor, so that answers show it as it was sent; an id needs no name."""
    if parse_visitor_text(text) is None:
        NamedVisitor.objects.get_or_create(site_id=site.id, visitor=visitor_text(number), defaults={"name": text})


def is_named(site: SiteRef, number: int, text: str) -> bool:
    """Tell whether `name_visitor` would have nothing to do."""
    if parse_visitor_text(text) is not None:
        return True
    return NamedVisitor.objects.filter(site_id=site.id, visitor=visitor_text(number)).exists()
