"""The admin's pages of goals, allowed properties and funnels."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.admin.parts import JSON_FIELDS, AuditedAdmin, ReadOnlyAdmin
from goals.models import AllowedProps, Funnel, FunnelStep, Goal


@admin.register(Goal)
class GoalAdmin(AuditedAdmin):
    list_display = ("display_name", "site", "kind", "event_name", "page_path", "scroll_threshold", "currency")
    list_filter = (("currency", admin.AllValuesFieldListFilter), ("event_name", admin.EmptyFieldListFilter))
    list_select_related = ("site",)
    search_fields = ("display_name", "event_name", "page_path", "site__domain", "site__public_id")
    autocomplete_fields = ("site",)
    formfield_overrides = JSON_FIELDS
    readonly_fields = ("created_at", "updated_at")
    fields = (
        "site",
        "display_name",
        ("event_name", "currency"),
        ("page_path", "scroll_threshold"),
        "custom_props",
        ("created_at", "updated_at"),
    )


@admin.register(AllowedProps)
class AllowedPropsAdmin(AuditedAdmin):
    list_display = ("site", "names", "updated_at")
    list_select_related = ("site",)
    search_fields = ("site__domain", "names")
    autocomplete_fields = ("site",)
    formfield_overrides = JSON_FIELDS


class FunnelStepInline(admin.TabularInline):
    model = FunnelStep
    ordering = ("position",)
    fields = ("position", "goal")
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Funnel | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Funnel | None = None) -> bool:
        return False


@admin.register(Funnel)
class FunnelAdmin(AuditedAdmin, ReadOnlyAdmin):
    """Funnels are made over the API; here they are seen and deleted."""

    list_display = ("name", "site", "created_at")
    list_select_related = ("site",)
    search_fields = ("name", "site__domain")
    inlines = (FunnelStepInline,)
