"""GET, PUT and DELETE of annotations: remarks on days of a site."""

import re
from datetime import date
from typing import Final

from django_filters import CharFilter, DateFilter, FilterSet
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import filtered
from accounts.api.pagination import page_by_id
from accounts.api.parameters import record_number, required_text
from accounts.api.permissions import SITE_EDITORS, SITE_READERS
from accounts.api.site_views import SitesApiView
from analytics_project.documentation import documented
from analytics_project.errors import InvalidFields, InvalidRequest
from stats.annotation_services import (
    annotation_fields,
    delete_annotation,
    find_annotation,
    provide_annotation,
    update_annotation,
)
from stats.api.documentation.annotations import (
    CHANGE_ANNOTATION,
    DELETE_ANNOTATION,
    LIST_ANNOTATIONS,
    PROVIDE_ANNOTATION,
)
from stats.selectors import annotations_of

_DATE: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ROLES: Final = {"GET": SITE_READERS, "HEAD": SITE_READERS, "PUT": SITE_EDITORS, "DELETE": SITE_EDITORS}


class AnnotationFilter(FilterSet):  # type: ignore[misc]  # the package has no types
    """Narrows the list of annotations: to days from `start` on and up to `end`, and by a part of the `text`."""

    start = DateFilter(field_name="date", lookup_expr="gte")
    end = DateFilter(field_name="date", lookup_expr="lte")
    text = CharFilter(lookup_expr="icontains")


class AnnotationsView(SitesApiView):
    """The annotations of a site."""

    requires_site_id = True
    roles = _ROLES

    @documented(LIST_ANNOTATIONS)
    def get(self, request: Request) -> Response:
        """List annotations, newest first; parameters `start`, `end`, `text`."""
        chosen = filtered(AnnotationFilter, self.parameters, annotations_of(self.site.id))
        page = page_by_id(chosen, self.parameters, "annotation")
        return Response({"annotations": [annotation_fields(one) for one in page.items], "meta": page.meta})

    @documented(PROVIDE_ANNOTATION)
    def put(self, request: Request) -> Response:
        """Find or write the remark of these words on a day."""
        on = _date_of(self.parameters.get("date"))
        text = required_text(self.parameters, "text")
        made = provide_annotation(self.site, on, text, author_id=self.actor.user_id, who=self.actor)
        return Response(annotation_fields(made))


class OneAnnotationView(SitesApiView):
    """One annotation, named by its number in the path."""

    requires_site_id = True
    roles = _ROLES

    @documented(CHANGE_ANNOTATION)
    def put(self, request: Request, annotation_id: str) -> Response:
        """Change day or text; what is left out or null stays."""
        on, text = self.parameters.get("date"), self.parameters.get("text")
        if on is None and text is None:
            raise InvalidRequest("date and text are missing: send at least one of them")
        annotation = find_annotation(self.site, record_number("annotation_id", annotation_id))
        if on is not None:
            annotation.date = _date_of(on)
        if text is not None:
            annotation.text = required_text(self.parameters, "text")
        update_annotation(annotation, who=self.actor)
        return Response(annotation_fields(annotation))

    @documented(DELETE_ANNOTATION)
    def delete(self, request: Request, annotation_id: str) -> Response:
        """Take an annotation off its day."""
        delete_annotation(find_annotation(self.site, record_number("annotation_id", annotation_id)), who=self.actor)
        return Response({"deleted": True})


def _date_of(sent: object) -> date:
    """Return the day that a text names. Raises: InvalidFields."""
    try:
        if isinstance(sent, str) and _DATE.fullmatch(sent):
            return date.fromisoformat(sent)
    except ValueError:  # the 30th of February
        pass
    raise InvalidFields({"date": ["must be a date such as 2026-01-31"]})
