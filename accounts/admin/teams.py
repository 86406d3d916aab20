"""The admin's pages of teams and of the plans that they are on."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from accounts import services
from accounts.admin.invitations import TeamInvitationInline
from accounts.admin.parts import JSON_FIELDS, AuditedAdmin, person_of
from accounts.admin.people import KeysInline, MembershipInline, drop_guests
from accounts.models import Membership, Plan, Site, Team
from accounts.types import Feature


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
class PlanAdmin(AuditedAdmin):
    form = PlanForm
    list_display = ("name", "teams", "feature_names", "limits", "retention_months", "is_default")
    ordering = ("pk",)
    list_filter = ("is_default",)
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Plan]":
        plans: QuerySet[Plan] = super().get_queryset(request)
        return plans.annotate(team_count=Count("teams"))

    @admin.display(ordering="team_count")
    def teams(self, plan: Plan) -> str:
        count: int = getattr(plan, "team_count", 0)
        link = f"{reverse('admin:accounts_team_changelist')}?plan__id__exact={plan.pk}"
        return format_html('<a href="{}">{}</a>', link, count)

    @admin.display(description="sites · members · requests an hour")
    def limits(self, plan: Plan) -> str:
        numbers = (plan.max_sites, plan.max_members, plan.hourly_limit)
        return " · ".join("any" if number is None else f"{number:,}" for number in numbers)

    @admin.display(description="features")
    def feature_names(self, plan: Plan) -> str:
        return ", ".join(sorted(Feature(name).short_name for name in plan.features)) or "none"


class TeamActionForm(ActionForm):
    """The action bar of teams; the plan is for the action that changes it."""

    plan = forms.ModelChoiceField(Plan.objects.order_by("name"), required=False, label="to plan")


class SitesOfTeamInline(admin.TabularInline):
    """The sites of a team; changed on their own pages."""

    model = Site
    fields = readonly_fields = ("domain", "public_id", "timezone", "created_at")
    show_change_link = True
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Team)
class TeamAdmin(AuditedAdmin):
    """Teams; a new one needs an owner, and none loses its last."""

    list_display = ("name", "plan", "site_count", "member_count", "state", "created_at")
    list_filter = ("plan", "is_locked", "is_setup_complete", "created_at")
    list_select_related = ("plan",)
    search_fields = ("name", "identifier", "members__email", "sites__domain")
    search_help_text = "Name, id, e-mail address of a member, or domain of a site"
    fieldsets = (
        (None, {"fields": ("name", "plan", "identifier", "next_steps")}),
        (
            "Instead of the plan's",
            {"fields": ("feature_override", "hourly_limit_override"), "classes": ("collapse",)},
        ),
        (
            "State",
            {
                "fields": (
                    "is_locked",
                    "accept_traffic_until",
                    "is_setup_complete",
                    "trial_ends_on",
                    ("created_at", "updated_at"),
                )
            },
        ),
    )
    readonly_fields = ("identifier", "next_steps", "created_at", "updated_at")
    inlines = (MembershipInline, TeamInvitationInline, SitesOfTeamInline, KeysInline)
    formfield_overrides = JSON_FIELDS
    action_form = TeamActionForm
    actions = ("change_plan", "lock", "unlock")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Team]":
        counts = {"sites_of": Count("sites", distinct=True), "people_of": Count("memberships", distinct=True)}
        teams: QuerySet[Team] = super().get_queryset(request)
        return teams.annotate(**counts)

    def get_fieldsets(self, request: HttpRequest, obj: Team | None = None) -> Any:
        return self.fieldsets if obj is not None else ((None, {"fields": ("name", "plan", "feature_override")}),)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return {"plan": Plan.objects.filter(is_default=True).values_list("pk", flat=True).first(), **initial}

    def get_inlines(self, request: HttpRequest, obj: Team | None) -> Any:
        return self.inlines if obj is not None else (MembershipInline,)

    @admin.display(description="sites", ordering="sites_of")
    def site_count(self, team: Team) -> int:
        return int(getattr(team, "sites_of", 0))

    @admin.display
    def state(self, team: Team) -> str:
        return "locked" if team.is_locked else "trial is over" if team.is_trial_over else "open"

    @admin.display(description="members", ordering="people_of")
    def member_count(self, team: Team) -> int:
        return int(getattr(team, "people_of", 0))

    @admin.display(description="next")
    def next_steps(self, team: Team) -> str:
        query = urlencode({"team": team.pk})
        return format_html(
            '<a href="{}?{}">Invite a member</a> · <a href="{}?{}">Add a site</a> · <a href="{}?{}">Issue a key</a>',
            reverse("admin:accounts_teaminvitation_add"),
            query,
            reverse("admin:accounts_site_add"),
            query,
            reverse("admin:accounts_apikey_add"),
            query,
        )

    def save_formset(self, request: HttpRequest, form: forms.ModelForm, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        if formset.model is Membership:
            drop_guests([*formset.new_objects, *(one for one, _ in formset.changed_objects)])

    @admin.action(description="Change plan", permissions=["change"])
    def change_plan(self, request: HttpRequest, chosen: "QuerySet[Team]") -> None:
        number = request.POST.get("plan", "")  # the action bar's form has checked it
        plan = Plan.objects.filter(pk=int(number)).first() if number.isdecimal() else None
        if plan is None:
            messages.error(request, "Choose the plan beside the action.")
            return
        for team in chosen:
            services.set_plan(team, plan, who=person_of(request))
        messages.success(request, f"On the plan {plan} from now on, with its features: {chosen.count()} teams.")

    @admin.action(description="Lock (APIs answer 402)", permissions=["change"])
    def lock(self, request: HttpRequest, chosen: "QuerySet[Team]") -> None:
        self._set_locked(request, chosen, is_locked=True)

    @admin.action(description="Unlock", permissions=["change"])
    def unlock(self, request: HttpRequest, chosen: "QuerySet[Team]") -> None:
        self._set_locked(request, chosen, is_locked=False)

    def _set_locked(self, request: HttpRequest, chosen: "QuerySet[Team]", *, is_locked: bool) -> None:
        for team in chosen:
            services.set_locked(team, is_locked, who=person_of(request))
        messages.success(request, f"{'Locked' if is_locked else 'Unlocked'}: {chosen.count()} teams.")
