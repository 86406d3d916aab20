"""Visitor salts by date, made by whoever needs one first and destroyed for good; segments, as plain values."""

from collections.abc import Collection
from datetime import date
from typing import Final

from accounts.types import SiteId
from stats.models import Segment, VisitorSalt
from stats.query.parse_filters import parse_filters
from stats.types import SegmentSpec, SegmentType

_MAX_ID: Final = 2**63 - 1


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
