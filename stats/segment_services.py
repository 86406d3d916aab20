"""Writes of segments. Each notes who did it in its own transaction; `who` is None for the command line."""

from typing import Any

from django.db import transaction

from accounts.records import Who, lock_site, save_record, write_audit
from accounts.selectors import features_of, site_ref
from accounts.types import Feature, SiteRef
from accounts.validators import is_storable
from analytics_project import clock
from analytics_project.errors import InvalidQuery, NotFound, PaymentRequired
from goals.selectors import goal_specs
from stats.models import Segment
from stats.query.build import build_query
from stats.query.goals import needs_goals
from stats.query.parse_filters import parse_filters
from stats.query.types import Period, PeriodUnit, QueryParams
from stats.selectors import segments_seen_by
from stats.types import SegmentType


def find_segment(site: SiteRef, number: int, *, user_id: int) -> Segment:
    """Return a segment that a person sees on a site. Raises: NotFound, also for what somebody else saved for itself."""
    segment = segments_seen_by(user_id, site.id).select_related("site").filter(pk=number).first()
    if segment is None:
        raise NotFound("Segment not found")
    return segment


def segment_fields(segment: Segment) -> dict[str, object]:
    """Return a segment as the Sites API shows it."""
    return {
        "id": segment.pk,
        "name": segment.name,
        "type": segment.type,
        "filters": segment.filters,
        "updated_at": segment.updated_at.isoformat(timespec="seconds"),
    }


def check_segment(site: SiteRef, segment_type: SegmentType, filters: object) -> None:
    """Refuse filters that no query of the site could be asked with, and a site's segment that its plan does not open.

    Raises: InvalidQuery naming the path; PaymentRequired, since a plan may lack segments of a site (key contract,
    section 8), while one's own are everybody's.
    """
    if segment_type is SegmentType.SITE and Feature.SITE_SEGMENTS not in features_of(site):
        raise PaymentRequired("The plan of the team that owns this site does not include site segments")
    parsed = parse_filters(filters, allow_segments=False)
    question = QueryParams(("visitors",), Period(PeriodUnit.DAY), filters=parsed)
    try:
        build_query(question, site, clock.now(), goals=goal_specs(site) if needs_goals(question) else ())
    except InvalidQuery as problem:
        raise InvalidQuery(f"filters: {problem.message}", code=problem.code) from problem


@transaction.atomic
def create_segment(
    site: SiteRef,
    name: str,
    filters: list[Any],
    *,
    segment_type: SegmentType = SegmentType.PERSONAL,
    owner_id: int | None = None,
    who: Who | None = None,
) -> Segment:
    """Save filters, in the form of a v2 query, under a name; a personal segment needs an owner.

    Raises: InvalidQuery and PaymentRequired as `check_segment`; InvalidRequest for a bad or taken name.
    """
    check_segment(site, segment_type, filters)
    segment = Segment(site_id=site.id, name=name, type=segment_type.value, owner_id=owner_id, filters=filters)
    save_record(segment)
    write_audit(who, "segment.create", f"{site.domain}: {segment.pk} {segment}")
    return segment


@transaction.atomic
def provide_segment(
    site: SiteRef, name: str, filters: list[Any], segment_type: SegmentType, *, owner_id: int, who: Who
) -> Segment:
    """Save filters under a name: as a new segment, or in the one of this name, of the site or of the owner.

    Raises: as `create_segment`; NotFound for a site deleted just now.
    """
    lock_site(site)
    of_owner = {"owner": owner_id} if segment_type is SegmentType.PERSONAL else {}
    of_name = Segment.objects.filter(site=site.id, name=name.strip(), type=segment_type.value, **of_owner)
    segment = of_name.first() if is_storable(name) else None
    if segment is None:
        return create_segment(site, name, filters, segment_type=segment_type, owner_id=owner_id, who=who)
    if segment.filters != filters:
        segment.filters = filters
        update_segment(segment, who=who)
    return segment


@transaction.atomic
def update_segment(segment: Segment, *, who: Who | None = None) -> None:
    """Save what was changed of a segment. Raises: as `create_segment`."""
    check_segment(site_ref(segment.site), SegmentType(segment.type), segment.filters)
    save_record(segment)
    write_audit(who, "segment.update", f"{segment.site}: {segment.pk} {segment}")


@transaction.atomic
def delete_segment(segment: Segment, *, who: Who | None = None) -> None:
    """Delete a segment; queries that name it are refused from then on."""
    number = segment.pk
    segment.delete()
    write_audit(who, "segment.delete", f"{segment.site}: {number} {segment}")
