"""The admin's pages of keys and tokens. Hashes appear on none; a new text once, as a message."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse

from accounts import services
from accounts.admin.parts import AuditedAdmin, person_of
from accounts.models import ApiKey, Membership, PluginsToken
from accounts.types import Scope
from analytics_project import clock
from analytics_project.errors import AppError


class ApiKeyForm(forms.ModelForm):
    scopes = forms.TypedMultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in (Scope.STATS_READ, Scope.SITES_PROVISION)],
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.STATS_READ.value],
    )

    class Meta:
        model = ApiKey
        fields = ("user", "team", "name", "scopes", "is_read_only", "expires_at")
        help_texts = {
            "user": "On whose behalf the key acts; their role decides what it may do.",
            "team": "Empty: a legacy key, which reaches the sites of all teams of that person.",
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        user, team = cleaned.get("user"), cleaned.get("team")
        if user and team and not Membership.objects.filter(user=user, team=team).exists():
            self.add_error("team", "this person is not a member of the team")
        return cleaned


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("usable", "Usable"), ("expired", "Expired"), ("revoked", "Revoked"), ("unused", "Never used")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[ApiKey]") -> "QuerySet[ApiKey]":
        lives = Q(expires_at=None) | Q(expires_at__gt=clock.now())
        chosen = {
            "usable": Q(revoked_at=None) & lives,
            "expired": Q(revoked_at=None) & ~lives,
            "revoked": Q(revoked_at__isnull=False),
            "unused": Q(last_used_at=None),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(ApiKey)
class ApiKeyAdmin(AuditedAdmin):
    """Keys; made here, shown once, then only rotated, revoked or deleted."""

    form = ApiKeyForm
    list_display = ("name", "prefix", "state", "user", "team", "scope_names", "last_used_at")
    list_filter = (StateFilter, "is_read_only", ("team", admin.EmptyFieldListFilter), "last_used_at")
    list_select_related = ("user", "team")
    search_fields = ("name", "prefix", "user__email", "team__name")
    search_help_text = "Name, prefix, e-mail address or team"
    autocomplete_fields = ("user", "team")
    actions = ("rotate", "revoke")
    page_actions = (("rotate", "Rotate"), ("revoke", "Revoke"))
    ordering = ("-created_at",)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        if obj is None:
            return ("user", "team", "name", "scopes", "is_read_only", "expires_at")
        return (
            "state",
            "name",
            "id",
            "prefix",
            "user",
            "team",
            "scope_names",
            "is_read_only",
            "last_used_at",
            "expires_at",
            "revoked_at",
            "replaced_by",
            "created_at",
        )

    @admin.display
    def state(self, key: ApiKey) -> str:
        return key.state

    @admin.display(description="scopes")
    def scope_names(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return admin.ModelAdmin.log_addition(self, request, obj, message)  # `issue_key` has noted it

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

    @admin.action(description="Rotate selected keys (old ones work 24 h more)", permissions=["add"])
    def rotate(self, request: HttpRequest, chosen: "QuerySet[ApiKey]") -> None:
        for key in chosen:
            try:
                issued = services.rotate_key(key, who=person_of(request))
            except AppError as problem:
                messages.error(request, problem.message)
            else:
                messages.warning(request, f"{key} becomes {issued.text} - it is shown this once, keep it now.")

    @admin.action(description="Revoke selected keys", permissions=["delete"])
    def revoke(self, request: HttpRequest, chosen: "QuerySet[ApiKey]") -> HttpResponse | None:
        if page := self.asks(
            request,
            "revoke",
            chosen,
            "Revoke these keys?",
            "They are refused from the next request on, in every process. This cannot be undone.",
        ):
            return page
        for key in chosen.select_related("user"):
            services.revoke_key(key, who=person_of(request))
        messages.success(request, "The selected keys are refused from now on.")
        return None


@admin.register(PluginsToken)
class PluginsTokenAdmin(AuditedAdmin):
    """Tokens of plugins; made here, shown once, then only deleted."""

    list_display = ("description", "hint", "site", "last_used_at", "created_at")
    list_filter = ("last_used_at", "created_at")
    list_select_related = ("site",)
    search_fields = ("description", "hint", "site__domain")
    search_help_text = "Description, last four characters, or domain"
    autocomplete_fields = ("site",)

    def has_change_permission(self, request: HttpRequest, obj: PluginsToken | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def get_fields(self, request: HttpRequest, obj: PluginsToken | None = None) -> Any:
        shown = ("site", "description")
        return shown if obj is None else (*shown, "hint", "last_used_at", "created_at")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return admin.ModelAdmin.log_addition(self, request, obj, message)  # `issue_plugins_token` has noted it

    def save_model(self, request: HttpRequest, obj: PluginsToken, form: forms.ModelForm, change: bool) -> None:
        issued = services.issue_plugins_token(obj.site, description=obj.description, who=person_of(request))
        obj.pk = issued.record.pk
        obj.refresh_from_db()
        messages.warning(request, f"The token is {issued.text} - it is shown this once, keep it now.")
