"""The admin's pages of goals and allowed properties."""

from django.contrib import admin

from accounts.admin import JSON_FIELDS
from goals.models import AllowedProps, Goal


@admin.register(Goal)
class GoalAdmin(admin.ModelAdmin):
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
class AllowedPropsAdmin(admin.ModelAdmin):
    list_display = ("site", "names", "updated_at")
    list_select_related = ("site",)
    search_fields = ("site__domain", "names")
    autocomplete_fields = ("site",)
    formfield_overrides = JSON_FIELDS
