"""Payments over the Goals & Revenue API: E6 of the revenue contract, batches, lists, one payment, voiding (3.4)."""

from typing import Any, ClassVar, Final

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from accounts.types import Feature, SiteRef
from analytics_project import clock
from analytics_project.documentation import documented
from analytics_project.errors import Conflict, InvalidFields, InvalidRequest, NotFound
from goals.api.bodies import json_object
from goals.api.paths import text_in_path
from goals.api.requests import GoalsRevenueView, Parameters, enveloped, meta_of, sentence
from revenue.api.documentation.payments import LIST_PAYMENTS, NEW_PAYMENT, NEW_PAYMENTS, ONE_PAYMENT, VOID_PAYMENT
from revenue.api.payment_filters import payments_asked_for
from revenue.api.payment_forms import payment_of
from revenue.api.present_payments import payment_shown
from revenue.selectors import payment_named, stored_payment
from revenue.services import record_payment, record_payments, void_payment
from revenue.types import NewPayment, PaymentOutcome, Recorded

MOST_IN_A_BATCH: Final = 1_000
MAX_BATCH_BYTES: Final = 4_194_304
_PREFIX: Final = "/api/v1/payments/"
_DIRECTIONS: Final = ("payment", "refund")


class MoneyView(GoalsRevenueView):
    """An endpoint about payments."""

    features: ClassVar = (Feature.REVENUE_GOALS,)


class PaymentsView(MoneyView):
    """`/api/v1/payments`."""

    @documented(LIST_PAYMENTS)
    def get(self, request: Request) -> Response:
        """Answer payments as they are stored, newest first."""
        site = self.site(request)
        asked = Parameters(request)
        page, cursor = payments_asked_for(site, asked)
        meta = {**meta_of(request), "limit": asked.limit, "cursor": cursor}
        return Response(enveloped([payment_shown(payment) for payment in page], meta))

    @documented(NEW_PAYMENT)
    def post(self, request: Request) -> Response:
        """Record a payment or refund: 201, or 200 for one that is known already."""
        site = self.site(request)
        sent = payment_of(json_object(request), clock.now())
        outcome = record_payment(site, sent, who=actor_of(request))
        if outcome.recorded is Recorded.CONFLICT:
            raise Conflict(_conflict(outcome), code="transaction_id_taken")
        created = outcome.recorded is Recorded.CREATED
        results = {"created": created, "transaction_id": outcome.transaction_id}
        return Response(enveloped(results, meta_of(request)), status=201 if created else 200)


def _conflict(outcome: PaymentOutcome) -> str:
    how = "and was voided" if outcome.differs_in == "voided" else f"with a different {outcome.differs_in}"
    return f"transaction_id '{outcome.transaction_id}' is already recorded {how}"


class BatchView(MoneyView):
    """`POST /api/v1/payments/batch`."""

    @documented(NEW_PAYMENTS)
    def post(self, request: Request) -> Response:
        """Record up to 1,000 payments; each is answered with the status that it would have had alone."""
        site = self.site(request)
        sent = json_object(request, MAX_BATCH_BYTES).get("payments")
        if not isinstance(sent, list) or not 1 <= len(sent) <= MOST_IN_A_BATCH:
            raise InvalidFields({"payments": [f"must be a list of 1 to {MOST_IN_A_BATCH} payments"]})
        read = [_read(one) for one in sent]
        payments = [one for one in read if isinstance(one, NewPayment)]
        outcomes = iter(record_payments(site, payments, who=actor_of(request)))
        results = [_answer(next(outcomes)) if isinstance(one, NewPayment) else one for one in read]
        counts = {name: sum(one["status"] in statuses for one in results) for name, statuses in _COUNTED.items()}
        return Response(enveloped(results, {**meta_of(request), **counts}))


_COUNTED: Final = {"created": (201,), "repeated": (200,), "refused": (400, 409)}


def _read(sent: object) -> NewPayment | dict[str, Any]:
    """Return a payment of a batch, or what is answered where it is none."""
    shown = sent.get("transaction_id") if isinstance(sent, dict) else None
    answer = {"status": 400, "created": False, "transaction_id": shown if isinstance(shown, str) else None}
    if not isinstance(sent, dict):
        return {**answer, "error": "must be a JSON object"}
    try:
        return payment_of(sent, clock.now())
    except InvalidFields as problem:
        return {**answer, "error": sentence(problem), "errors": problem.errors}


def _answer(outcome: PaymentOutcome) -> dict[str, Any]:
    status = {Recorded.CREATED: 201, Recorded.REPEATED: 200, Recorded.CONFLICT: 409}[outcome.recorded]
    answer = {"status": status, "created": status == 201, "transaction_id": outcome.transaction_id}
    return {**answer, "error": _conflict(outcome)} if status == 409 else answer


class PaymentView(MoneyView):
    """`/api/v1/payments/{transaction_id}`."""

    @documented(ONE_PAYMENT)
    def get(self, request: Request, transaction_id: str) -> Response:
        """Answer one payment as it is stored."""
        site = self.site(request)
        is_refund = _direction(request)
        payment = payment_named(site.id, _named(request, transaction_id), is_refund=is_refund)
        if payment is None:
            raise NotFound("Payment not found")
        return Response(enveloped(payment_shown(stored_payment(payment)), meta_of(request)))

    @documented(VOID_PAYMENT)
    def delete(self, request: Request, transaction_id: str) -> Response:
        """Take a payment out of all numbers; it is kept, marked."""
        site: SiteRef = self.site(request)
        is_refund = _direction(request)
        name = _named(request, transaction_id)
        payment = void_payment(site, name, is_refund=is_refund, who=actor_of(request))
        return Response(enveloped({"voided": True, "transaction_id": payment.transaction_id}, meta_of(request)))


def _direction(request: Request) -> bool | None:
    """Return which of two records under one id is meant, None where nothing says so. Raises: InvalidRequest."""
    asked = Parameters(request)
    if asked.text("direction") is None:
        return None
    return asked.one_of("direction", "payment", _DIRECTIONS) == "refund"


def _named(request: Request, routed: str) -> str:
    """Return the id in a path, trimmed. Raises: InvalidRequest for text that no id can be."""
    name = text_in_path(request, routed, _PREFIX, what="Payment")
    if "\0" in name:
        raise InvalidRequest("transaction_id must not contain control characters")
    return name
