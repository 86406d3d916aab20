"""The admin's pages of people, teams, sites and keys. Hashes appear on none; a new key once, as a message."""

import json
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db.models import Field, JSONField, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from accounts import services
from accounts.models import (
    ApiKey,
    AuditEntry,
    GuestInvitation,
    GuestMembership,
    Membership,
    Plan,
    PluginsToken,
    SharedLink,
    ShieldRule,
    Site,
    Team,
    User,
)
from accounts.selectors import site_ref
from accounts.types import Feature, Scope
from analytics_project.errors import AppError
from stats.erasure_services import reset_statistics
from stats.services import intake_outcomes

admin.site.site_header = "Footfall"
admin.site.site_title = "Footfall"


def person_of(request: HttpRequest) -> User:
    """Return who is logged in; the admin lets in nobody else."""
    if not isinstance(request.user, User):
        raise TypeError("the admin was reached without a login")
    return request.user


class UnicodeDecoder(json.JSONDecoder):
    """Takes JSON that can be stored and shown again: no half of a surrogate pair, no number of thousands of digits."""

    def decode(self, s: str, *arguments: Any) -> Any:
        try:
            value = super().decode(s, *arguments)
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as problem:
            raise json.JSONDecodeError("lone surrogate", s, 0) from problem
        except json.JSONDecodeError:
            raise
        except (ValueError, RecursionError) as problem:
            raise json.JSONDecodeError("a number too long or lists too deep", s, 0) from problem
        return value


JSON_FIELDS: "Final[dict[type[Field[Any, Any]], dict[str, Any]]]" = {
    JSONField: {"form_class": forms.JSONField, "decoder": UnicodeDecoder}
}


class MembershipInline(admin.TabularInline):
    model = Membership
    autocomplete_fields = ["user"]
    extra = 0


class ShieldRuleInline(admin.TabularInline):
    model = ShieldRule
    extra = 0


class GuestInline(admin.TabularInline):
    model = GuestMembership
    autocomplete_fields = ["user"]
    extra = 0


class UserCreationForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)
        field_classes: dict[str, type[forms.Field]] = {}


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """People; the password's hash is not shown, only the way to set another one."""

    add_form = UserCreationForm
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    fieldsets = (
        (None, {"fields": ("email", "name", "password_state")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Times", {"fields": ("created_at", "last_login")}),
    )
    readonly_fields = ("password_state", "created_at", "last_login")
    list_display = ("email", "name", "is_active", "is_staff", "last_login", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("email",)

    @admin.display(description="password")
    def password_state(self, user: User) -> str:
        state = "set" if user.has_usable_password() else "none"
        return format_html('{} (<a href="../password/">set another one</a>)', state)


class PlanForm(forms.ModelForm):
    features = forms.TypedMultipleChoiceField(
        choices=[(feature.value, feature.short_name) for feature in Feature],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )

    class Meta:
        model = Plan
        fields = (
            "name",
            "features",
            "max_sites",
            "max_members",
            "hourly_limit",
            "retention_months",
            "trial_days",
            "is_default",
        )


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):
    form = PlanForm
    list_display = ("name", "features", "max_sites", "max_members", "hourly_limit", "is_default")
    list_filter = ("is_default",)
    search_fields = ("name",)


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    list_display = ("name", "identifier", "plan", "is_locked", "accept_traffic_until", "created_at")
    list_filter = ("plan", "is_locked")
    list_select_related = ("plan",)
    search_fields = ("name", "identifier", "members__email")
    readonly_fields = ("identifier", "created_at", "updated_at")
    inlines = (MembershipInline,)
    formfield_overrides = JSON_FIELDS


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin):
    """Sites; a new domain here goes through the same service as everywhere, with its 72 hours of grace."""

    list_display = ("domain", "public_id", "team", "timezone", "currency", "visitor_ids", "is_sample", "created_at")
    list_filter = ("is_sample", "visitor_ids", "currency")
    list_select_related = ("team",)
    search_fields = ("domain", "previous_domain", "public_id", "team__name")
    autocomplete_fields = ("team",)
    readonly_fields = (
        "public_id",
        "previous_domain",
        "domain_changed_at",
        "created_at",
        "updated_at",
        "events_of_the_last_24_hours",
    )
    inlines = (ShieldRuleInline, GuestInline)
    actions = ("reset_chosen",)

    @admin.action(description="Reset statistics of selected sites", permissions=["delete"])
    def reset_chosen(self, request: HttpRequest, chosen: QuerySet[Site]) -> None:
        for site in chosen:
            reset_statistics(site_ref(site), who=person_of(request))
        messages.success(request, "Nothing counts any more; the rows are removed within a minute, see Erasures.")

    @admin.display(description="events of the last 24 hours")
    def events_of_the_last_24_hours(self, site: Site) -> str:
        """Say how many events intake took for the site, and how many it dropped and why."""
        if site._state.adding:
            return "-"
        try:
            outcomes = intake_outcomes(site.pk, hours=24)
        except AppError as problem:
            return problem.message
        parts = [f"{events:,} {outcome.removeprefix('dropped_')}" for outcome, events in outcomes.items()]
        return ", ".join(parts).replace("buffered", "taken") or "none"

    def save_model(self, request: HttpRequest, obj: Site, form: forms.ModelForm, change: bool) -> None:
        if change and "domain" in form.changed_data:
            services.change_domain(obj, obj.domain, who=person_of(request))
        else:
            super().save_model(request, obj, form, change)


@admin.register(GuestMembership)
class GuestMembershipAdmin(admin.ModelAdmin):
    list_display = ("user", "site", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "site")
    search_fields = ("user__email", "site__domain")
    autocomplete_fields = ("user", "site")


@admin.register(GuestInvitation)
class GuestInvitationAdmin(admin.ModelAdmin):
    """Invitations that wait for an answer; sent over the Sites API."""

    list_display = ("email", "site", "role", "invited_by", "created_at")
    list_filter = ("role",)
    list_select_related = ("site", "invited_by")
    search_fields = ("email", "site__domain")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: GuestInvitation | None = None) -> bool:
        return False


@admin.register(SharedLink)
class SharedLinkAdmin(admin.ModelAdmin):
    list_display = ("name", "site", "created_at")
    list_select_related = ("site",)
    search_fields = ("name", "site__domain")
    autocomplete_fields = ("site",)


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    list_display = ("user", "team", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "team")
    search_fields = ("user__email", "team__name")
    autocomplete_fields = ("user", "team")


@admin.register(ShieldRule)
class ShieldRuleAdmin(admin.ModelAdmin):
    list_display = ("site", "kind", "value", "created_at")
    list_filter = ("kind",)
    list_select_related = ("site",)
    search_fields = ("site__domain", "value")
    autocomplete_fields = ("site",)


class ApiKeyForm(forms.ModelForm):
    scopes = forms.TypedMultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in (Scope.STATS_READ, Scope.SITES_PROVISION)],
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.STATS_READ.value],
    )

    class Meta:
        model = ApiKey
        fields = ("user", "team", "name", "scopes", "is_read_only", "expires_at")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        user, team = cleaned.get("user"), cleaned.get("team")
        if user and team and not Membership.objects.filter(user=user, team=team).exists():
            self.add_error("team", "this person is not a member of the team")
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Keys; made here, shown once, then only rotated, revoked or deleted."""

    form = ApiKeyForm
    list_display = (
        "name",
        "id",
        "prefix",
        "user",
        "team",
        "scopes",
        "is_read_only",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = ("is_read_only", ("revoked_at", admin.EmptyFieldListFilter), ("team", admin.EmptyFieldListFilter))
    list_select_related = ("user", "team")
    search_fields = ("name", "prefix", "user__email", "team__name")
    autocomplete_fields = ("user", "team")
    actions = ("rotate", "revoke")

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm, change: bool) -> None:
        issued = services.issue_key(
            obj.user,
            obj.team,
            name=obj.name,
            scopes=obj.scopes,
            read_only=obj.is_read_only,
            expires_at=obj.expires_at,
            who=person_of(request),
        )
        obj.pk = issued.record.pk
        obj.refresh_from_db()
        messages.warning(request, f"The key is {issued.text} - it is shown this once, keep it now.")

    @admin.action(description="Rotate selected keys: each works for 24 hours beside a new one", permissions=["add"])
    def rotate(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        for key in chosen:
            try:
                issued = services.rotate_key(key, who=person_of(request))
            except AppError as problem:
                messages.error(request, problem.message)
            else:
                messages.warning(request, f"{key} becomes {issued.text} - it is shown this once, keep it now.")

    @admin.action(description="Revoke selected keys", permissions=["delete"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        for key in chosen.select_related("user"):
            services.revoke_key(key, who=person_of(request))
        messages.success(request, "The selected keys are refused from now on.")


@admin.register(PluginsToken)
class PluginsTokenAdmin(admin.ModelAdmin):
    """Tokens of plugins; made here, shown once, then only deleted."""

    fields = ("site", "description")
    list_display = ("description", "hint", "site", "last_used_at", "created_at")
    list_select_related = ("site",)
    search_fields = ("description", "hint", "site__domain")
    autocomplete_fields = ("site",)

    def has_change_permission(self, request: HttpRequest, obj: PluginsToken | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: PluginsToken, form: forms.ModelForm, change: bool) -> None:
        issued = services.issue_plugins_token(obj.site, description=obj.description, who=person_of(request))
        obj.pk = issued.record.pk
        obj.refresh_from_db()
        messages.warning(request, f"The token is {issued.text} - it is shown this once, keep it now.")


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):
    """What was done by whom; nobody changes it."""

    list_display = ("at", "action", "target", "who", "key")
    list_filter = ("action",)
    list_select_related = ("who", "key")
    search_fields = ("action", "target", "who__email")
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False
