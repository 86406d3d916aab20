"""The admin's pages of payments, products' intervals and exchange rates. Money is never edited: it is voided."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.admin.parts import AuditedAdmin, UntouchableAdmin, person_of
from accounts.selectors import site_ref
from revenue.models import ExchangeRate, Payment, ProductInterval, RateSource
from revenue.refresh_services import delete_rate, save_rate
from revenue.services import declare_interval, void_payment
from revenue.types import Interval


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
