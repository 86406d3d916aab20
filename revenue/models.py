"""Payments, what declares their intervals and ends, and the rates at which they are converted.

`Payment` is the truth about money. What is derived from it (conversion, links to other payments, coverage) stands in
the same row and is written by `revenue.services` alone, under the lock of the site's ledger. Reports are computed in
the event store from a mirror of these rows, which `revenue.mirror_services` keeps up.
"""

from decimal import Decimal
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import Site
from accounts.validators import is_storable
from analytics_project import clock
from revenue.providers.types import Provider
from revenue.types import Interval, Origin, PaymentType, decimals_of, from_micros

MAX_ID_CHARACTERS: Final = 255
MAX_VISITOR_CHARACTERS: Final = 128
_EXACT_CHARACTERS: Final = 64


def _choices(values: Any) -> list[tuple[str, str]]:
    return [(str(value), str(value).replace("_", " ")) for value in values]


def validate_payment_currency(code: str) -> None:
    """Refuse anything but an ISO 4217 code in upper case of a currency that people pay, or once paid, in."""
    if decimals_of(code) is None:
        raise ValidationError("must be an ISO 4217 code in upper case")


def validate_rate(value: Decimal) -> None:
    """Refuse a rate that is no finite number above 0, or one that no market has seen."""
    if not value.is_finite() or not 0 < value < 10**12 or len(value.as_tuple().digits) > 34:
        raise ValidationError("must be a number above 0")


if TYPE_CHECKING:
    _DecimalField = models.Field[Decimal | None, Decimal | None]
else:
    _DecimalField = models.Field  # generic in the stubs only


class ExactDecimalField(_DecimalField):
    """A decimal of any length, exact everywhere: SQLite would keep a number of more than 15 digits as a float."""

    empty_strings_allowed = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_length": _EXACT_CHARACTERS})

    def get_internal_type(self) -> str:
        return "CharField"

    def from_db_value(self, value: str | None, *_more: object) -> Decimal | None:
        """Return what is stored as a decimal."""
        return None if value is None else Decimal(value)

    def to_python(self, value: object) -> Decimal | None:
        """Return a typed text as a decimal. Raises: ValidationError."""
        if value is None or isinstance(value, Decimal):
            return value
        try:
            return Decimal(str(value).strip())
        except ArithmeticError as problem:
            raise ValidationError("must be a number") from problem

    def get_prep_value(self, value: Any) -> Any:
        """Return the decimal as plain digits."""
        found = self.to_python(super().get_prep_value(value))
        return None if found is None else f"{found:f}"


class Ledger(models.Model):
    """One row a site: the lock of whoever writes its payments, and how far the mirror has got.

    Every change of a payment takes the next `revision`. As they are given out under the lock, all up to a committed one
    are committed, so the mirror holds everything up to `mirrored_revision`. `currency` is the one to which all payments
    are converted; while it is not the site's, they are being converted anew.
    """

    site = models.OneToOneField(Site, on_delete=models.CASCADE, primary_key=True, related_name="ledger")
    revision = models.PositiveBigIntegerField(default=0)
    mirrored_revision = models.PositiveBigIntegerField(default=0)
    currency = models.CharField(max_length=3)

    def __str__(self) -> str:
        return f"ledger of {self.site}"


class Payment(models.Model):
    """A payment or a refund of a site, as it was reported; amounts in millionths of the currency's unit.

    `payer` is the visitor's number as text (`v_` and 16 hex digits), the one that the visitor's events have; of a
    payment without a visitor, one made of the customer. A voided payment is kept and counts nowhere.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="payments", db_index=False)
    is_refund = models.BooleanField()
    transaction_id = models.CharField(max_length=MAX_ID_CHARACTERS)
    payment_type = models.CharField(max_length=9, choices=_choices(PaymentType))
    amount_micros = models.BigIntegerField(validators=[MinValueValidator(0)])
    currency = models.CharField(max_length=3, validators=[validate_payment_currency])
    paid_at = models.DateTimeField()
    has_paid_at = models.BooleanField("time was sent", default=True)
    visitor_id = models.CharField(max_length=MAX_VISITOR_CHARACTERS, blank=True)
    payer = models.CharField(max_length=18)
    customer_id = models.CharField(max_length=MAX_ID_CHARACTERS, blank=True)
    subscription_id = models.CharField(max_length=MAX_ID_CHARACTERS, blank=True)
    product_name = models.CharField(max_length=MAX_ID_CHARACTERS, blank=True)
    interval = models.CharField(max_length=9, blank=True, choices=_choices(Interval))
    refund_of = models.CharField(max_length=MAX_ID_CHARACTERS, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    origin = models.CharField(max_length=8, choices=_choices(Origin), default=Origin.API.value)
    recorded_at = models.DateTimeField(default=clock.now)
    voided_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(
        null=True, blank=True, help_text="When the person behind it was erased; the money stays."
    )
    # ---- derived ----
    reporting_currency = models.CharField(max_length=3)
    rate = ExactDecimalField(null=True, blank=True)
    rate_on = models.DateField(null=True, blank=True, help_text="The day whose rate was used.")
    converted = ExactDecimalField(null=True, blank=True, help_text="In the reporting currency, six decimals.")
    refunded_payment = models.ForeignKey(
        "self", on_delete=models.DO_NOTHING, db_constraint=False, null=True, blank=True, related_name="refunds"
    )
    taken_back = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
        related_name="takers",
        help_text="Of a refund: the payment that it takes back, linked or not.",
    )
    first_payment = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
        related_name="later_payments",
        help_text="The customer's first payment; of a refund, that of what it takes back.",
    )
    term_interval = models.CharField(max_length=9, blank=True, choices=_choices(Interval))
    covered_until = models.DateTimeField(null=True, blank=True, help_text="Up to when it counts in MRR.")
    revision = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar = [
            # In this order its index also serves who asks for both directions.
            models.UniqueConstraint(fields=["site", "transaction_id", "is_refund"], name="payment_once_per_direction"),
            models.CheckConstraint(condition=Q(amount_micros__gte=0), name="payment_not_negative"),
            models.CheckConstraint(
                condition=Q(is_refund=True, payment_type="refund")
                | Q(is_refund=False, payment_type__in=["one_time", "recurring"]),
                name="payment_type_fits_direction",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["site", "revision"], name="payment_by_revision"),
            models.Index(fields=["site", "paid_at", "id"], name="payment_by_time"),
            models.Index(fields=["site", "payer"], name="payment_by_payer"),
            models.Index(fields=["site", "customer_id"], condition=~Q(customer_id=""), name="payment_by_customer"),
            # Few, of however many payments a customer or a payer has.
            models.Index(
                fields=["site", "customer_id", "payer"],
                condition=Q(first_payment=models.F("id")),
                name="payment_being_first",
            ),
            models.Index(
                fields=["site", "customer_id", "payer"], condition=Q(first_payment=None), name="payment_without_first"
            ),
            models.Index(
                fields=["site", "payer", "paid_at"], condition=Q(is_refund=True), name="payment_refunds_by_payer"
            ),
            models.Index(fields=["site", "subscription_id"], name="payment_by_subscription"),
            models.Index(fields=["site", "refund_of"], name="payment_by_refund_of"),
            models.Index(fields=["refunded_payment"], name="payment_by_refunded"),
            models.Index(fields=["taken_back"], condition=Q(taken_back__isnull=False), name="payment_by_taken_back"),
            models.Index(fields=["site", "id"], condition=Q(rate=None), name="payment_without_rate"),
        ]

    def __str__(self) -> str:
        return self.transaction_id

    @property
    def amount(self) -> Decimal:
        """Return the amount in major units, with the decimals of its currency."""
        return from_micros(self.amount_micros).quantize(Decimal(1).scaleb(-(decimals_of(self.currency) or 0)))


class ProductInterval(models.Model):
    """How long a recurring payment for a product of a site pays for, where the payment does not say."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="product_intervals", db_index=False)
    product_name = models.CharField(max_length=MAX_ID_CHARACTERS)
    interval = models.CharField(max_length=9, choices=_choices(Interval))
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "product_name"], name="product_interval_once"),
        ]

    def __str__(self) -> str:
        return self.product_name

    def clean(self) -> None:
        self.product_name = self.product_name.strip()
        if not self.product_name or not is_storable(self.product_name):
            raise ValidationError({"product_name": "must be a text that can be stored"})


class SubscriptionEnd(models.Model):
    """The instant at which a cancelled subscription ends to count, whether or not its payments have come in yet."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="subscription_ends", db_index=False)
    subscription_id = models.CharField(max_length=MAX_ID_CHARACTERS)
    ends_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "subscription_id"], name="subscription_end_once"),
        ]

    def __str__(self) -> str:
        return self.subscription_id


class RateSource(models.TextChoices):
    PACKAGED = "packaged", "European Central Bank, packaged"
    PUBLISHED = "published", "European Central Bank, refreshed"
    OPERATOR = "operator", "entered here"


class ExchangeRate(models.Model):
    """How much of a currency one unit of another bought on a day (UTC): stored when used, refreshed or entered."""

    source_currency = models.CharField("one unit of", max_length=3, validators=[validate_payment_currency])
    target_currency = models.CharField("is worth in", max_length=3, validators=[validate_payment_currency])
    on = models.DateField("day (UTC)")
    rate = ExactDecimalField(validators=[validate_rate])
    origin = models.CharField(
        max_length=9, choices=RateSource.choices, default=RateSource.OPERATOR.value, editable=False
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source_currency", "target_currency", "on"], name="exchange_rate_once"),
            models.CheckConstraint(
                condition=~Q(source_currency=models.F("target_currency")), name="exchange_rate_of_two_currencies"
            ),
        ]
        ordering: ClassVar = ["-on", "source_currency", "target_currency"]

    def __str__(self) -> str:
        return f"{self.source_currency}/{self.target_currency} {self.on:%Y-%m-%d}"


# ---- Webhooks of payment providers -----------------------------------------------------------------------------------
def make_webhook_token() -> str:
    """Return the part of a webhook's address that names its connection: 192 random bits."""
    return token_urlsafe(24)


class ProviderConnection(models.Model):
    """One webhook of a provider for a site. The token only names it; what proves an event is its signature."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="provider_connections")
    provider = models.CharField(max_length=12, choices=_choices(Provider))
    token = models.CharField(max_length=43, unique=True, default=make_webhook_token, editable=False)
    is_enabled = models.BooleanField("enabled", default=True, help_text="Off: its events are refused with 404.")
    last_event_at = models.DateTimeField("last event", null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return f"{self.get_provider_display()} of {self.site}"


class ProviderSecret(models.Model):
    """A secret with which a provider signs the events of a connection; several while it is being changed."""

    connection = models.ForeignKey(ProviderConnection, on_delete=models.CASCADE, related_name="secrets")
    sealed = models.TextField(editable=False)
    added_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return f"added {self.added_at:%Y-%m-%d %H:%M}"


class ProviderEvent(models.Model):
    """An event as it came, kept 30 days: so that it is worked once, again after a failure, and on request.

    `worked_at` is when it was turned into payments; until then it is tried at `next_try_at`, and `problem` says why
    not. `customer_id` is whom it was about, and `payer` the visitor's number, as in payments, where it told of one. The
    body of a person who was erased is empty.
    """

    connection = models.ForeignKey(ProviderConnection, on_delete=models.CASCADE, related_name="events", db_index=False)
    event_id = models.CharField(max_length=MAX_ID_CHARACTERS)
    event_type = models.CharField(max_length=MAX_ID_CHARACTERS)
    body = models.BinaryField()
    received_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=clock.now)
    worked_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=MAX_ID_CHARACTERS, blank=True)
    customer_id = models.CharField(max_length=MAX_ID_CHARACTERS, blank=True)
    payer = models.CharField(max_length=18, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "event_id"], name="provider_event_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_try_at", "id"], condition=Q(worked_at=None), name="provider_event_waiting"),
            models.Index(fields=["received_at"], name="provider_event_by_age"),
            models.Index(fields=["customer_id"], condition=~Q(customer_id=""), name="provider_event_by_customer"),
            models.Index(fields=["payer"], condition=~Q(payer=""), name="provider_event_by_payer"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"


class CustomerVisitor(models.Model):
    """That a provider's customer was a visitor at an instant, told by an event that is no payment.

    `is_user`: the number of a user whom the site knows, which counts where no event names a visitor.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="customer_visitors", db_index=False)
    customer_id = models.CharField(max_length=MAX_ID_CHARACTERS)
    visitor_id = models.CharField(max_length=MAX_VISITOR_CHARACTERS)
    payer = models.CharField(max_length=18, help_text="The visitor's number, as in payments.")
    seen_at = models.DateTimeField()
    is_user = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["site", "customer_id", "visitor_id", "seen_at"], name="customer_seen_as_visitor_once"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "payer"], name="customer_visitor_by_payer")]

    def __str__(self) -> str:
        return self.customer_id


class PaymentReference(models.Model):
    """Another name of a payment, by which its refunds may call it; the payment may be still to come."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="payment_references", db_index=False)
    reference = models.CharField(max_length=MAX_ID_CHARACTERS)
    transaction_id = models.CharField(max_length=MAX_ID_CHARACTERS)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "reference", "transaction_id"], name="payment_reference_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["site", "transaction_id"], name="payment_reference_by_payment")]

    def __str__(self) -> str:
        return self.reference


class SupersededPayment(models.Model):
    """A payment that its provider reports under another id too; under this one it counts for nothing."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="superseded_payments", db_index=False)
    transaction_id = models.CharField(max_length=MAX_ID_CHARACTERS)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["site", "transaction_id"], name="superseded_payment_once"),
        ]

    def __str__(self) -> str:
        return self.transaction_id
