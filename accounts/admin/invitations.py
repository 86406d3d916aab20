"""The admin's pages of invitations that wait for an answer; deleting one withdraws it."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest

from accounts.admin.parts import AuditedAdmin, ReadOnlyAdmin, person_of
from accounts.member_services import check_invitee, invite_member
from accounts.models import GuestInvitation, TeamInvitation
from accounts.types import Role
from analytics_project.errors import AppError


@admin.register(GuestInvitation)
class GuestInvitationAdmin(AuditedAdmin, ReadOnlyAdmin):
    """Invitations of guests; sent over the Sites API."""

    list_display = ("email", "site", "role", "invited_by", "created_at")
    list_filter = ("role",)
    list_select_related = ("site", "invited_by")
    search_fields = ("email", "site__domain")


class TeamInvitationForm(forms.ModelForm):
    class Meta:
        model = TeamInvitation
        fields = ("team", "email", "role")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("team") and cleaned.get("email"):
            try:
                cleaned["email"] = check_invitee(cleaned["team"], cleaned["email"])
            except AppError as problem:
                self.add_error("email", problem.message.removeprefix("email: "))
        return cleaned


@admin.register(TeamInvitation)
class TeamInvitationAdmin(AuditedAdmin):
    """Invitations of members; sent here, over the Sites API, and by `provision invitation`."""

    form = TeamInvitationForm
    list_display = ("email", "team", "role", "invited_by", "created_at")
    list_filter = ("role", "created_at")
    list_select_related = ("team", "invited_by")
    search_fields = ("email", "team__name")
    search_help_text = "E-mail address or team"
    autocomplete_fields = ("team",)

    def has_change_permission(self, request: HttpRequest, obj: TeamInvitation | None = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def get_fields(self, request: HttpRequest, obj: TeamInvitation | None = None) -> Any:
        return ("team", "email", "role") if obj is None else ("team", "email", "role", "invited_by", "created_at")

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return admin.ModelAdmin.log_addition(self, request, obj, message)  # `invite_member` has noted it

    def save_model(self, request: HttpRequest, obj: TeamInvitation, form: forms.ModelForm, change: bool) -> None:
        base = request.build_absolute_uri("/")
        invited = invite_member(obj.team, obj.email, Role(obj.role), who=person_of(request), base=base)
        obj.pk = invited.entry.id
        obj.refresh_from_db()
        if invited.token is not None:
            link = invited.token.link(base)
            messages.warning(request, f"The link to accept is {link} - it is shown this once, and in the e-mail.")


class TeamInvitationInline(admin.TabularInline):
    """Who is invited to a team; withdrawn on the invitation's page."""

    model = TeamInvitation
    fields = readonly_fields = ("email", "role", "invited_by", "created_at")
    show_change_link = True
    extra = 0
    can_delete = False
    verbose_name_plural = "invitations"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
