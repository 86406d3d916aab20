"""Plain values of money: currencies and their decimals, payments as they are sent and what becomes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

from iso4217 import Currency

MICROS: Final = 1_000_000  # amounts are kept as whole millionths of the currency's unit
WHOLE_UNITS_BELOW: Final = 10**12
SIX_DECIMALS: Final = Decimal("0.000001")
_CODES: Final = frozenset(currency.code for currency in Currency)
_DECIMALS: Final = {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}
# Codes that ISO 4217 has withdrawn: payments of long ago may be in them. Two decimals, as the contract has it.
_WITHDRAWN: Final = frozenset(
    """
    ADP AFA ALK ANG AOK AON AOR ARA ARP ATS AYM AZM BAD BEF BGL BGN BRB BRC BRE BRR BUK BYB BYR CSD CSK
    CUC CYP DDM DEM ECS EEK ESP FIM FRF GEK GHC GRD GWE GWP HRD HRK IEP ILR ISJ ITL LTL LTT LUF LVL LVR
    MGF MLF MRO MTL MXP MZE MZM NIC NLG PEI PES PLZ PTE RHD ROL RUR SDD SDP SIT SKK SLL SRG STD SUR TJR
    TMM TPE TRL UAK UGS USS UYP VEB VEF VNC YDD YUD YUM YUN ZAL ZMK ZRN ZRZ ZWC ZWD ZWL ZWN ZWR
    """.split()  # noqa: SIM905 - a table reads better so
)


def is_currency(code: str) -> bool:
    """Tell whether `code` is an ISO 4217 alphabetic code, upper case exactly."""
    return code in _CODES


def decimals_of(code: str) -> int | None:
    """Return how many decimals amounts of a currency have; None for a code in which nobody pays.

    Withdrawn codes have two, metals, funds and test codes none at all. Source: Goals and Revenue API contract, 1.11.
    """
    found: int | None = _DECIMALS.get(code)
    return 2 if found is None and code in _WITHDRAWN else found


def to_micros(amount: Decimal) -> int:
    """Return an amount of at most six decimals as whole millionths."""
    return int(amount.scaleb(6))


def from_micros(micros: int) -> Decimal:
    """Return whole millionths as an amount with six decimals."""
    return Decimal(micros).scaleb(-6)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Return an amount rounded half up, away from zero, to the minor unit of its currency."""
    return amount.quantize(Decimal(1).scaleb(-(decimals_of(currency) or 0)), ROUND_HALF_UP)


class PaymentType(StrEnum):
    """What a record of money is."""

    ONE_TIME = "one_time"
    RECURRING = "recurring"
    REFUND = "refund"


class Interval(StrEnum):
    """How long a recurring payment pays for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


class Origin(StrEnum):
    """By which way a payment came in."""

    API = "api"
    IMPORT = "import"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class NewPayment:
    """A payment or refund as somebody reports it, checked for its shape; what was not sent is empty or None.

    `amount` is positive and exact in major units, `paid_at` whole seconds UTC, None for now. `visitor_id` is the id as
    sent, which may be empty only from a provider that knows no visitor. `payment_type` None means `one_time`.
    """

    transaction_id: str
    amount: Decimal
    currency: str
    visitor_id: str
    payment_type: PaymentType | None = None
    product_name: str = ""
    paid_at: datetime | None = None
    interval: Interval | None = None
    refund_of: str = ""
    subscription_id: str = ""
    customer_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> PaymentType:
        """Return the type in force."""
        return self.payment_type or PaymentType.ONE_TIME

    @property
    def is_refund(self) -> bool:
        """Tell on which side of the books it stands: payments and refunds are two number spaces."""
        return self.payment_type is PaymentType.REFUND


@dataclass(frozen=True, slots=True)
class StoredPayment:
    """A payment as it is stored, with what was derived from it; absent texts are empty.

    `payer` is the number of who paid, as text: the visitor's, where `visitor_id` is not empty.
    `term_interval` and `covered_until` say as what, and until when, it counts in MRR; `converted` is in
    `reporting_currency` at `rate`, the rate of `rate_on`.
    """

    transaction_id: str
    payment_type: PaymentType
    amount: Decimal
    currency: str
    converted: Decimal | None
    reporting_currency: str
    rate: Decimal | None
    rate_on: date | None
    paid_at: datetime
    recorded_at: datetime
    visitor_id: str
    payer: str
    customer_id: str
    subscription_id: str
    product_name: str
    interval: str
    refund_of: str
    metadata: Mapping[str, str]
    origin: str
    term_interval: str
    covered_until: datetime | None
    voided_at: datetime | None


class Recorded(StrEnum):
    """What became of a payment that was sent."""

    CREATED = "created"
    REPEATED = "repeated"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """What became of one payment; of a conflict, in which field the stored one differs (`voided`: it was voided)."""

    transaction_id: str
    recorded: Recorded
    differs_in: str = ""
