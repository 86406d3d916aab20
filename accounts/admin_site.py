"""The admin as a whole: who may enter, how they log in, and what its first page tells of the server's health."""

from collections.abc import Mapping
from typing import Any, Final

import segno
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django_otp import login as note_device
from django_otp.models import Device

from accounts import two_factor_services
from accounts.login_form import TOO_MANY, WINDOW_S, LoginForm
from accounts.models import User
from accounts.request_counters import seconds_left
from analytics_project.errors import AppError
from stats.services import check_health

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Sites": (
        "Site",
        "Goal",
        "Funnel",
        "AllowedProps",
        "Segment",
        "SharedLink",
        "ShieldRule",
        "TrackerConfiguration",
    ),
    "People and teams": (
        "Team",
        "User",
        "Membership",
        "GuestMembership",
        "GuestInvitation",
        "TeamInvitation",
        "Plan",
        "Group",
    ),
    "Keys": ("ApiKey", "PluginsToken"),
    "Records": ("AuditEntry", "Erasure"),
}


class FootfallAdminSite(AdminSite):
    """Staff enter; those who have set up a second factor only after giving a code."""

    site_header = site_title = "Footfall"
    index_title = "Administration"
    site_url = None
    login_form = LoginForm
    login_template = "admin/accounts/login.html"
    index_template = "admin/accounts/index.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take a page in, but for the devices of second factors: their pages would show secrets."""
        models = model_or_iterable if isinstance(model_or_iterable, list | tuple) else [model_or_iterable]
        shown = [model for model in models if not issubclass(model, Device)]
        super().register(shown, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        if not super().has_permission(request):
            return False
        user = request.user
        verified: bool = user.is_verified() if hasattr(user, "is_verified") else False
        return verified or not (isinstance(user, User) and two_factor_services.is_enrolled(user))

    @method_decorator(never_cache)
    @method_decorator(sensitive_post_parameters("password", "code"))
    @login_not_required
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Log in; too many attempts answer 429."""
        answer = super().login(request, extra_context)
        form = answer.context_data.get("form") if isinstance(answer, TemplateResponse) and answer.context_data else None
        if form is not None and form.has_error("__all__", TOO_MANY):
            answer.status_code = 429
            answer.headers["Retry-After"] = str(seconds_left(WINDOW_S))
        return answer

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the first page, with the health of what the server depends on."""
        return super().index(request, {"health": check_health().described(), **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Group the pages by an operator's business instead of by application."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        pages = {page["object_name"]: page for app in apps for page in app["models"]}
        groups = {title: [pages.pop(name) for name in names if name in pages] for title, names in GROUPS.items()}
        groups["More"] = list(pages.values())
        return [
            {"name": title, "app_label": title.lower().replace(" ", "_"), "app_url": "", "models": models}
            | {"has_module_perms": True}
            for title, models in groups.items()
            if models
        ]

    def get_urls(self) -> list[URLResolver | URLPattern]:
        own = [path("second-factor/", self.admin_view(self.second_factor), name="second_factor")]
        return [*own, *super().get_urls()]

    @method_decorator(never_cache)
    @method_decorator(sensitive_post_parameters("code"))
    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """Let people set up, renew and turn off their own second factor. Every change needs a current code."""
        user = request.user
        if not isinstance(user, User):
            raise TypeError("the admin was reached without a login")
        facts: dict[str, Any] = {}
        if request.method == "POST":
            try:
                facts = self._change_second_factor(request, user)
            except AppError as problem:
                facts = {"problem": problem.message.removeprefix("code: ")}
            if not facts:
                return HttpResponseRedirect(reverse("admin:second_factor"))
        facts["is_on"] = two_factor_services.is_enrolled(user)
        if facts["is_on"]:
            facts["codes_left"] = two_factor_services.recovery_codes_left(user)
        else:
            facts.update(_enrolment(user))
        context = {**self.each_context(request), "title": "Second factor", **facts}
        return TemplateResponse(request, "admin/accounts/second_factor.html", context)

    @sensitive_variables()
    def _change_second_factor(self, request: HttpRequest, user: User) -> dict[str, Any]:
        """Do what a button asks for; an empty answer means that there is nothing to show. Raises: AppError."""
        code = request.POST.get("code", "")
        if not two_factor_services.is_enrolled(user):
            device, codes = two_factor_services.confirm_device(user, code)
            note_device(request, device)
            return {"recovery_codes": codes}
        if two_factor_services.device_for_code(user, code) is None:
            return {"problem": "This code is wrong or has been used. Wait for the next one."}
        if request.POST.get("do") == "turn_off":
            two_factor_services.turn_off(user, who=user)
            return {}
        return {"recovery_codes": two_factor_services.renew_recovery_codes(user)}


@sensitive_variables()
def _enrolment(user: User) -> dict[str, Any]:
    """Return what an authenticator app needs: the secret as text, as an address, and as a picture of that."""
    device = two_factor_services.pending_device(user)
    picture = segno.make(device.config_url, error="m").svg_inline(scale=4, dark="#000", light="#fff")
    return {
        "secret": two_factor_services.secret_text(device),
        "address": device.config_url,
        "picture": mark_safe(picture),  # noqa: S308 - drawn by us: shapes, no text
    }
