"""The admin's pages of payments, intervals, exchange rates and webhooks. Money is never edited: it is voided."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.admin.parts import AuditedAdmin, UntouchableAdmin, person_of
from accounts.selectors import site_ref
from analytics_project.errors import AppError
from revenue.models import (
    ExchangeRate,
    Payment,
    ProductInterval,
    ProviderConnection,
    ProviderEvent,
    ProviderSecret,
    RateSource,
)
from revenue.refresh_services import delete_rate, save_rate
from revenue.services import declare_interval, void_payment
from revenue.types import Interval
from revenue.webhook_services import add_secret, check_secret, replay_events, webhook_path
from revenue.webhook_worker import notice_events


@admin.register(Payment)
class PaymentAdmin(AuditedAdmin, UntouchableAdmin):
    """Payments as they were reported, with what was derived from them."""

    services_audit = True
    list_display = (
        "transaction_id",
        "site",
        "payment_type",
        "money",
        "in_reporting_currency",
        "paid_at",
        "product_name",
        "visitor_id",
        "is_voided",
    )
    list_filter = (
        "payment_type",
        ("currency", admin.AllValuesFieldListFilter),
        "origin",
        ("voided_at", admin.EmptyFieldListFilter),
        ("rate", admin.EmptyFieldListFilter),
        "term_interval",
        "paid_at",
    )
    list_select_related = ("site",)
    search_fields = ("transaction_id", "visitor_id", "customer_id", "subscription_id", "site__domain")
    search_help_text = "Transaction, visitor, customer, subscription, or domain"
    ordering = ("-paid_at", "-pk")
    show_full_result_count = False
    actions = ("void",)
    page_actions = (("void", "Void"),)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "site",
                    ("transaction_id", "payment_type", "origin"),
                    ("money", "in_reporting_currency"),
                    ("rate", "rate_on"),
                    ("paid_at", "recorded_at"),
                    ("voided_at", "erased_at"),
                )
            },
        ),
        ("Who and what", {"fields": ("visitor_id", "customer_id", "subscription_id", "product_name", "metadata")}),
        ("Refund", {"fields": ("refund_of", "refunded_payment")}),
        ("Recurring revenue", {"fields": ("interval", "term_interval", "covered_until")}),
    )

    @admin.display(description="amount", ordering="amount_micros")
    def money(self, payment: Payment) -> str:
        return f"{payment.amount} {payment.currency}"

    @admin.display(description="in the reporting currency")
    def in_reporting_currency(self, payment: Payment) -> str:
        if payment.converted is None:
            return "no exchange rate"
        return f"{payment.converted} {payment.reporting_currency}"

    @admin.display(description="voided", boolean=True)
    def is_voided(self, payment: Payment) -> bool:
        return payment.voided_at is not None

    def has_void_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may void payments: whoever may change them."""
        return request.user.has_perm("revenue.change_payment")

    @admin.action(description="Void selected payments", permissions=["void"])
    def void(self, request: HttpRequest, chosen: "QuerySet[Payment]") -> HttpResponse | None:
        if page := self.asks(
            request,
            "void",
            chosen,
            "Void these payments?",
            "They are kept, marked, and count nowhere from now on. This cannot be undone.",
        ):
            return page
        for payment in chosen.select_related("site"):
            void_payment(
                site_ref(payment.site), payment.transaction_id, is_refund=payment.is_refund, who=person_of(request)
            )
        messages.success(request, "The selected payments count nowhere from now on.")
        return None


@admin.register(ProductInterval)
class ProductIntervalAdmin(AuditedAdmin):
    """How long payments for a product pay for; saving counts its payments anew."""

    services_audit = True
    list_display = ("product_name", "site", "interval", "updated_at")
    list_filter = ("interval",)
    list_select_related = ("site",)
    search_fields = ("product_name", "site__domain")
    autocomplete_fields = ("site",)
    fields = ("site", "product_name", "interval")

    def get_readonly_fields(self, request: HttpRequest, obj: ProductInterval | None = None) -> tuple[str, ...]:
        return () if obj is None else ("site", "product_name")

    def save_model(self, request: HttpRequest, obj: ProductInterval, form: Any, change: bool) -> None:
        declare_interval(site_ref(obj.site), obj.product_name, Interval(obj.interval), who=person_of(request))
        obj.pk = ProductInterval.objects.get(site=obj.site_id, product_name=obj.product_name).pk

    def delete_model(self, request: HttpRequest, obj: ProductInterval) -> None:
        declare_interval(site_ref(obj.site), obj.product_name, None, who=person_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[ProductInterval]") -> None:
        for declared in queryset.select_related("site"):
            self.delete_model(request, declared)


@admin.register(ExchangeRate)
class ExchangeRateAdmin(AuditedAdmin):
    """Rates that payments used or may use; a correction does not move what was converted before."""

    services_audit = True
    list_display = ("on", "source_currency", "target_currency", "rate", "origin", "updated_at")
    list_filter = ("origin", "on")
    search_fields = ("source_currency", "target_currency")
    date_hierarchy = "on"
    fields = ("on", "source_currency", "rate", "target_currency", "origin")

    def get_readonly_fields(self, request: HttpRequest, obj: ExchangeRate | None = None) -> tuple[str, ...]:
        fixed = () if obj is None else ("on", "source_currency", "target_currency")
        return (*fixed, "origin")

    def save_model(self, request: HttpRequest, obj: ExchangeRate, form: Any, change: bool) -> None:
        if served := save_rate(obj, who=person_of(request)):
            messages.success(request, f"{served} payment(s) without a rate were converted.")

    def has_delete_permission(self, request: HttpRequest, obj: ExchangeRate | None = None) -> bool:
        is_entered = obj is None or obj.origin == RateSource.OPERATOR
        return is_entered and super().has_delete_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: ExchangeRate) -> None:
        delete_rate(obj, who=person_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: "QuerySet[ExchangeRate]") -> None:
        for rate in queryset:
            delete_rate(rate, who=person_of(request))


# ---- Webhooks of payment providers -----------------------------------------------------------------------------------
class ProviderConnectionForm(forms.ModelForm):
    new_secret = forms.CharField(
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="The signing secret that the provider shows. It is stored encrypted and never shown again. One that "
        "is entered later is used beside the former ones, until those are deleted below.",
    )

    def clean_new_secret(self) -> str:
        """Return the secret, checked."""
        secret = str(self.cleaned_data["new_secret"])
        try:
            return check_secret(secret) if secret else ""
        except AppError as problem:
            raise forms.ValidationError(problem.message) from problem


class ProviderSecretInline(admin.TabularInline):
    """The secrets in use: when each was added, nothing of its text."""

    model = ProviderSecret
    fields = readonly_fields = ("added_at",)
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: ProviderConnection | None = None) -> bool:
        return False


@admin.register(ProviderConnection)
class ProviderConnectionAdmin(AuditedAdmin):
    """Which providers report payments of which sites, and the address to enter there."""

    form = ProviderConnectionForm
    list_display = ("site", "provider", "is_enabled", "secret_count", "last_event_at", "failed")
    list_filter = ("provider", "is_enabled", "last_event_at")
    list_select_related = ("site",)
    search_fields = ("site__domain", "site__public_id")
    autocomplete_fields = ("site",)
    inlines = (ProviderSecretInline,)

    def get_fields(self, request: HttpRequest, obj: ProviderConnection | None = None) -> Any:
        if obj is None:
            return ("site", "provider", "new_secret")
        return ("site", "provider", "address", "is_enabled", "new_secret", ("last_event_at", "failed"))

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderConnection | None = None) -> tuple[str, ...]:
        return () if obj is None else ("site", "provider", "address", "last_event_at", "failed")

    @admin.display(description="address to enter at the provider")
    def address(self, connection: ProviderConnection) -> str:
        return f"{settings.BASE_URL or 'https://<this server>'}{webhook_path(connection)}"

    @admin.display(description="secrets")
    def secret_count(self, connection: ProviderConnection) -> int:
        return connection.secrets.count()

    @admin.display(description="events that failed")
    def failed(self, connection: ProviderConnection) -> int:
        return connection.events.filter(worked_at=None).exclude(problem="").count()

    def save_model(self, request: HttpRequest, obj: ProviderConnection, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if secret := form.cleaned_data["new_secret"]:
            try:
                add_secret(obj, secret, who=person_of(request))
            except AppError as problem:
                messages.error(request, f"The secret was not added: {problem.message}")


@admin.register(ProviderEvent)
class ProviderEventAdmin(AuditedAdmin, UntouchableAdmin):
    """Events of the last 30 days: what became of each, and why not. Bodies are not shown: they tell of people."""

    services_audit = True
    list_display = ("event_type", "event_id", "connection", "received_at", "worked_at", "attempts", "problem")
    list_filter = (
        ("worked_at", admin.EmptyFieldListFilter),
        ("problem", admin.EmptyFieldListFilter),
        "connection__provider",
        "event_type",
        "received_at",
    )
    list_select_related = ("connection__site",)
    search_fields = ("event_id", "event_type", "connection__site__domain")
    ordering = ("-received_at", "-pk")
    show_full_result_count = False
    actions = ("replay",)
    page_actions = (("replay", "Replay"),)
    fields = (
        "connection",
        ("event_type", "event_id"),
        ("received_at", "worked_at"),
        ("attempts", "next_try_at"),
        "problem",
    )

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Tell whether the person may have events worked again: whoever may change them."""
        return request.user.has_perm("revenue.change_providerevent")

    @admin.action(description="Work selected events again", permissions=["replay"])
    def replay(self, request: HttpRequest, chosen: "QuerySet[ProviderEvent]") -> None:
        count = replay_events(chosen, who=person_of(request))
        notice_events()
        messages.success(request, f"{count} event(s) are being worked again; what is recorded already stays as it is.")
