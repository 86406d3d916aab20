"""The admin's pages of people, their roles in teams and as guests of sites. A team never loses its last owner here."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html

from accounts.admin.parts import AuditedAdmin, person_of
from accounts.models import ApiKey, GuestMembership, Membership, User
from accounts.services import forget_guest
from accounts.team_selectors import left_without_owner
from accounts.two_factor_services import enrolled_users, turn_off
from accounts.types import Role

LAST_OWNER = "A team keeps at least one owner: make somebody else owner first."


class MembershipFormSet(BaseInlineFormSet):
    """A team's members, among whom there is an owner."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        if not any(one.get("role") == Role.OWNER for one in kept):
            raise forms.ValidationError(LAST_OWNER)


class MembershipInline(admin.TabularInline):
    """The people of a team."""

    model = Membership
    formset = MembershipFormSet
    autocomplete_fields = ["user"]
    extra = 0

    def get_min_num(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 1 if obj is None else 0  # a new team needs an owner: the row for it is there already


class TeamsOfUserInline(admin.TabularInline):
    """The teams of a person; changed on the team's page."""

    model = Membership
    fields = readonly_fields = ("team", "role", "created_at")
    show_change_link = True
    extra = 0
    can_delete = False
    verbose_name_plural = "teams"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class KeysInline(admin.TabularInline):
    """The keys of a person or team; made, rotated and revoked on the pages of keys."""

    model = ApiKey
    fields = readonly_fields = ("name", "prefix", "user", "team", "state", "last_used_at", "expires_at")
    show_change_link = True
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display
    def state(self, key: ApiKey) -> str:
        return key.state


class UserCreationForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)
        field_classes: dict[str, type[forms.Field]] = {}


class TwoFactorFilter(admin.SimpleListFilter):
    title = "second factor"
    parameter_name = "second_factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("on", "On"), ("off", "Off")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[User]") -> "QuerySet[User]":
        if self.value() == "on":
            return queryset.filter(pk__in=enrolled_users())
        return queryset.exclude(pk__in=enrolled_users()) if self.value() == "off" else queryset


@admin.register(User)
class UserAdmin(AuditedAdmin, DjangoUserAdmin):
    """People; the password's hash is not shown, only the way to set another one."""

    add_form = UserCreationForm
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    fieldsets = (
        (None, {"fields": ("email", "name", "password_state", "second_factor")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Permissions of staff", {"fields": ("groups", "user_permissions"), "classes": ("collapse",)}),
        ("Times", {"fields": ("created_at", "last_login")}),
    )
    readonly_fields = ("password_state", "second_factor", "created_at", "last_login")
    list_display = ("email", "name", "is_active", "is_staff", "second_factor", "last_login", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser", TwoFactorFilter)
    search_fields = ("email", "name")
    search_help_text = "E-mail address or name"
    ordering = ("email",)
    inlines = (TeamsOfUserInline, KeysInline)
    actions = ("turn_off_second_factor",)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj is not None else ()

    @admin.display(description="password")
    def password_state(self, user: User) -> str:
        state = "set" if user.has_usable_password() else "none"
        return format_html('{} (<a href="../password/">set another one</a>)', state)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[User]":
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(has_second_factor=enrolled_users(of_row=True))

    @admin.display(description="second factor", boolean=True)
    def second_factor(self, user: User) -> bool:
        return bool(getattr(user, "has_second_factor", False))

    def has_turn_off_permission(self, request: HttpRequest) -> bool:
        return person_of(request).is_superuser

    @admin.action(description="Turn off the second factor of selected people", permissions=["turn_off"])
    def turn_off_second_factor(self, request: HttpRequest, chosen: "QuerySet[User]") -> HttpResponse | None:
        if page := self.asks(
            request,
            "turn_off_second_factor",
            chosen,
            "Turn off the second factor?",
            "They log in by password alone until they set it up again. Be sure who is asking.",
        ):
            return page
        for user in chosen:
            turn_off(user, who=person_of(request))
        messages.success(request, "The password alone lets them in now.")
        return None

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        found = super().get_deleted_objects(objs, request)
        return _with_last_owners(found, Membership.objects.filter(user__in=list(objs)))


class GroupAdmin(AuditedAdmin, DjangoGroupAdmin):
    """Groups of permissions in this admin."""


admin.site.unregister(Group)
admin.site.register(Group, GroupAdmin)


def _with_last_owners(found: tuple[Any, Any, Any, list[Any]], going: "QuerySet[Membership]") -> tuple[Any, ...]:
    """Add to what forbids a deletion the teams that it would leave without an owner."""
    *rest, protected = found
    teams = left_without_owner(going)
    return (*rest, [*protected, *(f"team {team}, which would have no owner" for team in teams)])


class MembershipForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        itself = Membership.objects.filter(pk=self.instance.pk)
        if self.instance.pk and cleaned.get("role") != Role.OWNER and left_without_owner(itself):
            self.add_error("role", LAST_OWNER)
        return cleaned


@admin.register(Membership)
class MembershipAdmin(AuditedAdmin):
    form = MembershipForm
    list_display = ("user", "team", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "team")
    search_fields = ("user__email", "team__name")
    search_help_text = "E-mail address or team"
    autocomplete_fields = ("user", "team")

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return () if obj is None else ("user", "team", "created_at")

    def save_model(self, request: HttpRequest, obj: Membership, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        drop_guests([obj])

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        found = super().get_deleted_objects(objs, request)
        return _with_last_owners(found, Membership.objects.filter(pk__in=[one.pk for one in objs]))


def drop_guests(memberships: Iterable[Membership]) -> None:
    """Let members of a team be no guests of its sites any more."""
    for one in memberships:
        forget_guest(one.team, one.user)


class GuestForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        user, site = cleaned.get("user"), cleaned.get("site")
        if user and site and Membership.objects.filter(user=user, team=site.team_id).exists():
            self.add_error("user", "this person is a member of the team that owns the site")
        return cleaned


class GuestInline(admin.TabularInline):
    """The guests of a site."""

    model = GuestMembership
    form = GuestForm
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(GuestMembership)
class GuestMembershipAdmin(AuditedAdmin):
    form = GuestForm
    list_display = ("user", "site", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "site")
    search_fields = ("user__email", "site__domain")
    search_help_text = "E-mail address or domain"
    autocomplete_fields = ("user", "site")
