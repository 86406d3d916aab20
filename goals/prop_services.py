"""Writes of a site's allowed custom properties (Plugins API contract, section 7)."""

from collections.abc import Collection, Sequence
from typing import Final

from django.db import transaction

from accounts.records import Who, lock_site, write_audit
from accounts.types import Feature, SiteRef
from accounts.validators import is_storable
from analytics_project.errors import InvalidFields
from goals.models import MAX_ALLOWED_PROPS, AllowedProps
from goals.services import require_feature
from goals.types import MAX_PROP_NAME_CHARACTERS

INTERNAL_PROPS: Final = frozenset({"url", "path", "search_query"})
FIELD: Final = "allowed_event_props"


@transaction.atomic
def enable_props(
    site: SiteRef, names: Sequence[str], features: Collection[Feature], *, who: Who | None = None
) -> list[str]:
    """Put properties, trimmed, before those already enabled; return all of them, in stored order.

    One enabled before moves to the front. All are enabled or none. Raises: PaymentRequired without the feature, but
    for the tracker's own properties; InvalidFields for a name that is blank or too long and beyond 300 of them.
    """
    wanted = dict.fromkeys(name.strip() for name in names)  # in their order, and quick to look in
    if not INTERNAL_PROPS.issuperset(wanted):
        require_feature(features, Feature.PROPS)
    for name in wanted:
        if not name or not is_storable(name):
            raise InvalidFields({FIELD: ["can't be blank" if not name else "is invalid"]})
        if len(name) > MAX_PROP_NAME_CHARACTERS:
            raise InvalidFields({FIELD: [f"should be at most {MAX_PROP_NAME_CHARACTERS} characters"]})
    allowed = _locked(site)
    enabled = [*wanted, *(name for name in allowed.names if name not in wanted)]
    if len(enabled) > MAX_ALLOWED_PROPS:
        raise InvalidFields({FIELD: [f"a site may have at most {MAX_ALLOWED_PROPS} properties"]})
    if enabled != allowed.names:
        allowed.names = enabled
        allowed.save()
        write_audit(who, "props.enable", f"{site.domain}: {', '.join(wanted)}")
    return enabled


@transaction.atomic
def disable_props(site: SiteRef, names: Collection[str], *, who: Who | None = None) -> None:
    """Take properties off the list, matched as given; those not on it are no error, and what was recorded stays."""
    if not AllowedProps.objects.filter(site_id=site.id).exists():
        return
    allowed = _locked(site)
    removed = set(names).intersection(allowed.names)
    if removed:
        allowed.names = [name for name in allowed.names if name not in removed]
        allowed.save()
        write_audit(who, "props.disable", f"{site.domain}: {', '.join(sorted(removed))}")


def _locked(site: SiteRef) -> AllowedProps:
    lock_site(site)
    allowed, _ = AllowedProps.objects.get_or_create(site_id=site.id)
    return allowed
