"""The admin's pages of segments, annotations, names of cities, trackers and erasures."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.parts import JSON_FIELDS, AuditedAdmin, ReadOnlyAdmin, UntouchableAdmin, person_of
from accounts.selectors import site_ref
from analytics_project.errors import AppError, PaymentRequired
from stats.models import Annotation, CityName, Erasure, Segment, TotalsImport, TrackerConfiguration
from stats.segment_services import check_segment, create_segment, delete_segment, update_segment
from stats.totals_services import delete_import
from stats.types import SegmentType


class SegmentForm(forms.ModelForm):
    """Says of filters that no query could be asked with where they are wrong."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        site = cleaned.get("site") or (self.instance.site if self.instance.pk else None)
        if site is not None and {"type", "filters"} <= cleaned.keys():
            try:
                check_segment(site_ref(site), SegmentType(cleaned["type"]), cleaned["filters"])
            except AppError as problem:
                self.add_error("type" if isinstance(problem, PaymentRequired) else "filters", problem.message)
        return cleaned


@admin.register(Segment)
class SegmentAdmin(AuditedAdmin):
    """Segments; saved and deleted by the services, which note who did it."""

    services_audit = True
    form = SegmentForm
    list_display = ("name", "id", "site", "type", "owner", "created_at", "updated_at")
    list_filter = ("type", ("owner", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("site", "owner")
    search_fields = ("name", "site__domain", "site__public_id", "owner__email")
    autocomplete_fields = ("site", "owner")
    formfield_overrides = JSON_FIELDS
    fields = ("site", "name", ("type", "owner"), "filters", ("created_at", "updated_at"))

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> tuple[str, ...]:
        return ("created_at", "updated_at") if obj is None else ("site", "created_at", "updated_at")

    def save_model(self, request: HttpRequest, obj: Segment, form: forms.ModelForm, change: bool) -> None:
        if change:
            update_segment(obj, who=person_of(request))
            return
        made = create_segment(
            site_ref(obj.site),
            obj.name,
            obj.filters,
            segment_type=SegmentType(obj.type),
            owner_id=obj.owner_id,
            who=person_of(request),
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Segment) -> None:
        delete_segment(obj, who=person_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Segment]) -> None:
        for segment in queryset.select_related("site"):
            delete_segment(segment, who=person_of(request))


@admin.register(Annotation)
class AnnotationAdmin(AuditedAdmin):
    """Remarks on days of sites."""

    list_display = ("date", "text", "site", "author", "updated_at")
    list_filter = ("date",)
    list_select_related = ("site", "author")
    search_fields = ("text", "site__domain", "author__email")
    autocomplete_fields = ("site", "author")
    fields = ("site", "date", "text", "author", ("created_at", "updated_at"))
    readonly_fields = ("created_at", "updated_at")


@admin.register(CityName)
class CityNameAdmin(UntouchableAdmin):
    """What cities are called, as the place file tells it."""

    list_display = ("name", "geoname_id")
    search_fields = ("name", "geoname_id")


@admin.register(TrackerConfiguration)
class TrackerConfigurationAdmin(AuditedAdmin, ReadOnlyAdmin):
    """What scripts of sites do by themselves; changed over the Sites API, which keeps the goals of switches in step."""

    list_display = ("script_id", "site", "installation_type", "updated_at")
    list_filter = ("installation_type",)
    list_select_related = ("site",)
    search_fields = ("script_id", "site__domain")


@admin.register(TotalsImport)
class TotalsImportAdmin(AuditedAdmin, ReadOnlyAdmin):
    """Imports of daily totals; a deleted one counts no more at once, its rows are then shown under Erasures."""

    services_audit = True
    list_display = ("site", "id", "state", "first_on", "last_on", "rows", "cut_rows", "requested_by", "started_at")
    list_filter = ("state", "started_at")
    list_select_related = ("site", "requested_by")
    search_fields = ("site__domain", "site__public_id", "files")
    date_hierarchy = "started_at"

    def delete_model(self, request: HttpRequest, obj: TotalsImport) -> None:
        delete_import(obj, who=person_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[TotalsImport]) -> None:
        for record in queryset.select_related("site"):
            delete_import(record, who=person_of(request))


@admin.register(Erasure)
class ErasureAdmin(UntouchableAdmin):
    """Statistics that were to be removed, and when they were gone; nobody changes it."""

    list_display = ("domain", "kind", "requested_at", "finished_at", "removed_events", "checked_at")
    list_filter = ("kind", ("finished_at", admin.EmptyFieldListFilter))
    search_fields = ("domain", "site_number")
    date_hierarchy = "requested_at"
