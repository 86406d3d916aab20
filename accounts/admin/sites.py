"""The admin's pages of sites, with what arrives at them, and of their shields and shared links."""

from collections.abc import Iterator
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.debug import sensitive_variables

from accounts import services
from accounts.admin.parts import AuditedAdmin, SuggestingInput, person_of
from accounts.admin.people import GuestInline
from accounts.link_services import MAX_PASSWORD_CHARACTERS, hash_password
from accounts.models import PluginsToken, SharedLink, ShieldRule, Site
from accounts.records import write_audit
from accounts.selectors import site_ref
from accounts.validators import timezone_names
from analytics_project import clock
from analytics_project.errors import AppError
from stats.activity_services import site_activity
from stats.erasure_services import reset_statistics
from stats.export_services import ExportFormat, export_events
from stats.services import check_health, events_taken


class ShieldRuleInline(admin.TabularInline):
    model = ShieldRule
    extra = 0


class SharedLinkForm(forms.ModelForm):
    """A link; its password is written here and never shown."""

    new_password = forms.CharField(
        required=False,
        max_length=MAX_PASSWORD_CHARACTERS,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "size": 16}),
        help_text="Empty: as it is.",
    )

    @sensitive_variables()
    def save(self, commit: bool = True) -> SharedLink:
        if password := self.cleaned_data.get("new_password"):
            self.instance.password_hash = hash_password(password)
        link: SharedLink = super().save(commit)
        return link


class SharedLinkInline(admin.TabularInline):
    """The links of a site; whoever has one's address sees the statistics, so it is not shown here."""

    model = SharedLink
    form = SharedLinkForm
    fields = ("name", "new_password", "expires_at", "created_at")
    readonly_fields = ("created_at",)
    extra = 0


class TokensOfSiteInline(admin.TabularInline):
    """The tokens of plugins; made on their own page, where they are shown once."""

    model = PluginsToken
    fields = readonly_fields = ("description", "hint", "last_used_at", "created_at")
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Site)
class SiteAdmin(AuditedAdmin):
    """Sites; a new domain here goes through the same service as everywhere, with its 72 hours of grace."""

    list_display = ("domain", "team", "timezone", "taken", "created_at")
    list_filter = ("is_sample", "visitor_ids", "currency", "team__plan", "created_at")
    list_select_related = ("team",)
    search_fields = ("domain", "previous_domain", "public_id", "team__name")
    search_help_text = "Domain, present or previous, public id, or team"
    autocomplete_fields = ("team",)
    readonly_fields = (
        "public_id",
        "previous_domain",
        "domain_changed_at",
        "created_at",
        "updated_at",
        "last_event",
        "today",
        "taken_and_dropped",
        "health",
        "export",
        "more",
    )
    inlines = (ShieldRuleInline, GuestInline, SharedLinkInline, TokensOfSiteInline)
    actions = ("reset_chosen",)
    page_actions = (("reset_chosen", "Reset statistics"),)
    _fields = (
        (None, {"fields": ("domain", "team", "timezone", "currency")}),
        (
            "Intake",
            {"fields": ("visitor_ids", ("ingest_rate_threshold", "ingest_rate_window_s")), "classes": ("collapse",)},
        ),
        (
            "Statistics",
            {"fields": ("retention_months", "stats_reset_at", "is_sample"), "classes": ("collapse",)},
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Site | None = None) -> Any:
        if obj is None:
            return self._fields
        arrival = ("Data", {"fields": ("last_event", "today", "taken_and_dropped", "health", "export", "more")})
        names = ("public_id", "previous_domain", "domain_changed_at", "created_at", "updated_at")
        return (arrival, *self._fields, ("Names and times", {"fields": names, "classes": ("collapse",)}))

    def get_inlines(self, request: HttpRequest, obj: Site | None) -> Any:
        return self.inlines if obj is not None else (ShieldRuleInline, GuestInline)

    def save_model(self, request: HttpRequest, obj: Site, form: forms.ModelForm, change: bool) -> None:
        if change and "domain" in form.changed_data:
            services.change_domain(obj, obj.domain, who=person_of(request))
        else:
            super().save_model(request, obj, form, change)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "timezone":
            kwargs["widget"] = SuggestingInput(sorted(timezone_names()))
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    # ---- What arrives -----------------------------------------------------------------------------------------------
    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Site | None:
        """Load a site and, to show its page, what has been arriving, or the sentence that says why nobody knows."""
        site: Site | None = super().get_object(request, object_id, from_field)
        if site is not None and request.method == "GET":
            try:
                site.activity = site_activity(site_ref(site))  # type: ignore[attr-defined]
            except AppError as problem:
                site.activity_problem = problem.message  # type: ignore[attr-defined]
        return site

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Ask once for all sites of the page how many events intake took."""
        page = super().get_changelist_instance(request)
        try:
            counts = events_taken([site.pk for site in page.result_list], hours=24)
        except AppError:
            counts = None
        for site in page.result_list:
            site.taken_lately = None if counts is None else counts.get(site.pk, 0)
        return page

    @admin.display(description="taken in 24 h", empty_value="unknown")
    def taken(self, site: Site) -> str | None:
        number = getattr(site, "taken_lately", None)
        return None if number is None else f"{number:,}"

    @admin.display(description="last event")
    def last_event(self, site: Site) -> str:
        activity = getattr(site, "activity", None)
        if activity is None:
            return getattr(site, "activity_problem", "-")
        if activity.last_event_at is None:
            return "none yet: put the script on a page, or send an event to /api/event"
        seconds = max(0, int((clock.now() - activity.last_event_at).total_seconds()))
        local = activity.last_event_at.astimezone(ZoneInfo(site.timezone))
        return f"{_ago(seconds)}, at {local:%Y-%m-%d %H:%M:%S} in {site.timezone}"

    @admin.display(description="today")
    def today(self, site: Site) -> str:
        activity = getattr(site, "activity", None)
        return "-" if activity is None else f"{activity.events_today:,} events, {activity.visitors_today:,} visitors"

    @admin.display(description="intake, last 24 hours")
    def taken_and_dropped(self, site: Site) -> str:
        activity = getattr(site, "activity", None)
        if activity is None:
            return "-"
        parts = [f"{number:,} {outcome.removeprefix('dropped_')}" for outcome, number in activity.outcomes.items()]
        return ", ".join(parts).replace("buffered", "taken") or "none"

    @admin.display(description="spool and stores")
    def health(self, site: Site) -> SafeString:
        lines = ((name, state) for name, state, _ in check_health().described())
        return format_html_join(mark_safe("<br>"), "{}: {}", lines)

    # ---- Taking events along ----------------------------------------------------------------------------------------
    @admin.display(description="export events")
    def export(self, site: Site) -> SafeString:
        links = (
            (reverse("admin:accounts_site_export", args=[site.pk, form.value]), form.name) for form in ExportFormat
        )
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    @admin.display(description="more of this site")
    def more(self, site: Site) -> SafeString:
        of_site = urlencode({"q": site.domain})
        pages = (
            ("goals_goal", "Goals"),
            ("stats_segment", "Segments"),
            ("stats_totalsimport", "Imports"),
            ("stats_erasure", "Erasures"),
        )
        return format_html_join(
            " · ",
            '<a href="{}?{}">{}</a>',
            ((reverse(f"admin:{page}_changelist"), of_site, title) for page, title in pages),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("<int:number>/export/<str:form>/", view, name="accounts_site_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest, number: int, form: str) -> HttpResponseBase:
        """Stream a site's events. Raises: PermissionDenied; Http404 for an unknown site or format."""
        site = Site.objects.filter(pk=number).first()
        if site is None or form not in list(ExportFormat):
            raise Http404
        if not self.has_view_permission(request, site):
            raise PermissionDenied
        kind = ExportFormat(form)
        try:
            pieces = _begun(export_events(site_ref(site), kind))
        except AppError as problem:
            messages.error(request, problem.message)
            return HttpResponseRedirect(reverse("admin:accounts_site_change", args=[number]))
        write_audit(person_of(request), "site.export", f"{site}: {kind}")
        name = f"{site.public_id}-{clock.now():%Y%m%d}.{kind}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingHttpResponse(pieces, content_type=kind.content_type, headers=headers)

    # ---- Actions ----------------------------------------------------------------------------------------------------
    @admin.action(description="Reset statistics of selected sites", permissions=["delete"])
    def reset_chosen(self, request: HttpRequest, chosen: "QuerySet[Site]") -> HttpResponse | None:
        if page := self.asks(
            request,
            "reset_chosen",
            chosen,
            "Reset the statistics of these sites?",
            "No event up to now counts any more, and the rows are removed from the disk. Goals, links and settings "
            "stay. This cannot be undone; an export made before can be imported.",
        ):
            return page
        for site in chosen:
            reset_statistics(site_ref(site), who=person_of(request))
        messages.success(request, "Nothing counts any more; the rows are removed within a minute, see Erasures.")
        return None


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Have the first piece made now, so that what goes wrong does so before the answer begins. Raises: AppError."""
    first = next(pieces, b"")
    return chain([first], pieces)


def _ago(seconds: int) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            number = seconds // length
            return f"{number} {unit}{'s' * (number != 1)} ago"
    return f"{seconds} second{'s' * (seconds != 1)} ago"


@admin.register(SharedLink)
class SharedLinkAdmin(AuditedAdmin):
    """Shared links; the secret part of their address is not shown."""

    list_display = ("name", "site", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("site",)
    search_fields = ("name", "site__domain")
    search_help_text = "Name or domain"
    autocomplete_fields = ("site",)


@admin.register(ShieldRule)
class ShieldRuleAdmin(AuditedAdmin):
    list_display = ("site", "kind", "value", "created_at")
    list_filter = ("kind",)
    list_select_related = ("site",)
    search_fields = ("site__domain", "value")
    search_help_text = "Domain or value"
    autocomplete_fields = ("site",)
