"""GET, PUT and DELETE of segments: a site's, and those that the caller saved for themselves."""

from typing import Any, Final

from django_filters import CharFilter, ChoiceFilter, FilterSet
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import filtered
from accounts.api.pagination import page_by_id
from accounts.api.parameters import record_number, required_text
from accounts.api.permissions import SITE_EDITORS, SITE_READERS
from accounts.api.site_views import SitesApiView
from analytics_project.documentation import documented
from analytics_project.errors import InvalidFields, InvalidRequest
from stats.api.documentation.segments import (
    CHANGE_SEGMENT,
    DELETE_SEGMENT,
    LIST_SEGMENTS,
    PROVIDE_SEGMENT,
    SHOW_SEGMENT,
)
from stats.segment_services import (
    delete_segment,
    find_segment,
    provide_segment,
    segment_fields,
    update_segment,
)
from stats.selectors import segments_seen_by
from stats.types import SegmentType

_CHANGEABLE: Final = ("name", "type", "filters")


class SegmentFilter(FilterSet):  # type: ignore[misc]  # the package has no types
    """Narrows the list of segments: by a part of the `name`, and by `type`."""

    name = CharFilter(lookup_expr="icontains")
    type = ChoiceFilter(choices=[(one.value, one.value) for one in SegmentType])


class SegmentsApiView(SitesApiView):
    """What both views share: whoever may read a site saves segments for themselves, editors also for the site."""

    requires_site_id = True
    roles = dict.fromkeys(("GET", "HEAD", "PUT", "DELETE"), SITE_READERS)

    def may_save(self, request: Request, *types: SegmentType) -> None:
        """Raise NotFound for a segment of the site where the caller's role does not suffice for it."""
        if SegmentType.SITE in types:
            self.check_roles(request, SITE_EDITORS)


class SegmentsView(SegmentsApiView):
    """The segments of a site."""

    @documented(LIST_SEGMENTS)
    def get(self, request: Request) -> Response:
        """List the site's and one's own, newest first; parameters `name`, `type`."""
        seen = filtered(SegmentFilter, self.parameters, segments_seen_by(self.actor.user_id, self.site.id))
        page = page_by_id(seen, self.parameters, "segment")
        return Response({"segments": [segment_fields(segment) for segment in page.items], "meta": page.meta})

    @documented(PROVIDE_SEGMENT)
    def put(self, request: Request) -> Response:
        """Save filters under a name, in place of what it stood for."""
        name = required_text(self.parameters, "name")
        kind = _type_of(self.parameters.get("type", SegmentType.PERSONAL.value))
        filters = _filters_of(self.parameters.get("filters"))
        site = self.site
        self.may_save(request, kind)
        segment = provide_segment(site, name, filters, kind, owner_id=self.actor.user_id, who=self.actor)
        return Response(segment_fields(segment))


class OneSegmentView(SegmentsApiView):
    """One segment, named by its number in the path."""

    @documented(SHOW_SEGMENT)
    def get(self, request: Request, segment_id: str) -> Response:
        """Show a segment."""
        return Response(segment_fields(find_segment(self.site, _number(segment_id), user_id=self.actor.user_id)))

    @documented(CHANGE_SEGMENT)
    def put(self, request: Request, segment_id: str) -> Response:
        """Change name, type or filters; what is left out or null stays."""
        sent = {name: self.parameters[name] for name in _CHANGEABLE if self.parameters.get(name) is not None}
        if not sent:
            raise InvalidRequest(f"{', '.join(_CHANGEABLE)} are missing: send at least one of them")
        segment = find_segment(self.site, _number(segment_id), user_id=self.actor.user_id)
        before = SegmentType(segment.type)
        if "name" in sent:
            segment.name = required_text(self.parameters, "name")
        if "type" in sent:
            segment.type = _type_of(sent["type"]).value
        if "filters" in sent:
            segment.filters = _filters_of(sent["filters"])
        if before is SegmentType.SITE and segment.type == SegmentType.PERSONAL:
            segment.owner_id = self.actor.user_id
        self.may_save(request, before, SegmentType(segment.type))
        update_segment(segment, who=self.actor)
        return Response(segment_fields(segment))

    @documented(DELETE_SEGMENT)
    def delete(self, request: Request, segment_id: str) -> Response:
        """Delete a segment; queries that name it are refused from then on."""
        segment = find_segment(self.site, _number(segment_id), user_id=self.actor.user_id)
        self.may_save(request, SegmentType(segment.type))
        delete_segment(segment, who=self.actor)
        return Response({"deleted": True})


def _number(segment_id: str) -> int:
    return record_number("segment_id", segment_id)


def _type_of(sent: object) -> SegmentType:
    if not isinstance(sent, str) or sent not in set(SegmentType):
        raise InvalidFields({"type": [f"must be {' or '.join(sorted(SegmentType))}"]})
    return SegmentType(sent)


def _filters_of(sent: object) -> list[Any]:
    """Return filters as sent; the service looks at what they hold. Raises: InvalidFields for anything but a list."""
    if not isinstance(sent, list):
        raise InvalidFields({"filters": ["must be a list of filters, as in a query of version 2"]})
    return sent
