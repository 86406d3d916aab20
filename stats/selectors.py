"""Visitor salts by date, made by whoever needs one first and destroyed for good; segments, remarks and trackers."""

from collections.abc import Collection
from datetime import date
from typing import Final

from django.db.models import Q, QuerySet

from accounts.types import SiteId
from stats.models import Annotation, CityName, NamedVisitor, Segment, TrackerConfiguration, VisitorSalt
from stats.query.parse_filters import parse_filters
from stats.types import SegmentSpec, SegmentType, TrackerSwitches

_MAX_ID: Final = 2**63 - 1
_CITIES_AT_ONCE: Final = 10_000  # an engine takes some 30,000 parameters in a statement


def salt_for(day: date) -> bytes:
    """Return the 16 bytes of a calendar date, making them when nobody did.

    When several processes make them at once, the unique constraint keeps the first, and all return that one.
    """
    record, _ = VisitorSalt.objects.get_or_create(date=day)
    return bytes(record.salt)


def destroy_salts_before(day: date) -> int:
    """Delete the salts of all earlier dates and return how many there were.

    The caller sees to it that those dates are over in every zone and that their last visits have closed.
    """
    deleted, _ = VisitorSalt.objects.filter(date__lt=day).delete()
    return deleted


def segment_specs(site_id: SiteId, ids: Collection[int]) -> tuple[SegmentSpec, ...]:
    """Return those segments of a site that have one of the numbers, whoever owns them (stats contract 1.5)."""
    possible = {number for number in ids if 0 < number <= _MAX_ID}
    if not possible:
        return ()
    found = Segment.objects.filter(site_id=site_id, pk__in=possible).order_by("pk")
    return tuple(
        SegmentSpec(segment.pk, SegmentType(segment.type), parse_filters(segment.filters, allow_segments=False))
        for segment in found
    )


def visitor_names(site_id: SiteId, visitors: Collection[str]) -> dict[str, str]:
    """Return what clients call visitors, by the ids (`v_…`) of those that bear a name."""
    named = NamedVisitor.objects.filter(site_id=site_id, visitor__in=set(visitors))
    return dict(named.values_list("visitor", "name"))


def city_names(numbers: Collection[int]) -> dict[int, str]:
    """Return the English names of cities by GeoNames number, of those that have a name."""
    wanted = sorted(numbers)
    return {
        number: name
        for start in range(0, len(wanted), _CITIES_AT_ONCE)
        for number, name in CityName.objects.filter(geoname_id__in=wanted[start : start + _CITIES_AT_ONCE]).values_list(
            "geoname_id", "name"
        )
    }


def segments_seen_by(user_id: int, site_id: SiteId) -> "QuerySet[Segment, Segment]":
    """Return the segments of a site, and those that a person saved on it for themselves."""
    own = Q(type=SegmentType.PERSONAL.value, owner=user_id)
    return Segment.objects.filter(Q(type=SegmentType.SITE.value) | own, site=site_id)


def annotations_of(site_id: SiteId) -> "QuerySet[Annotation, Annotation]":
    """Return the annotations of a site."""
    return Annotation.objects.filter(site=site_id)


def tracker_fields(record: TrackerConfiguration) -> dict[str, object]:
    """Return a configuration as the Sites API shows it: ten keys."""
    flags = {flag: getattr(record, flag) for flag in TrackerConfiguration.FLAGS}
    return {"id": record.script_id, "installation_type": record.installation_type or None, **flags}


def tracker_named(script_id: str) -> TrackerSwitches | None:
    """Return what the script of this id does, and for which site; None for an unknown id."""
    record = TrackerConfiguration.objects.select_related("site").filter(script_id=script_id).first()
    if record is None:
        return None
    return TrackerSwitches(
        public_id=record.site.public_id,
        hash_based_routing=record.hash_based_routing,
        outbound_links=record.outbound_links,
        file_downloads=record.file_downloads,
        form_submissions=record.form_submissions,
    )
