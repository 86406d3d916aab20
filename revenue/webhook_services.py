"""Webhooks of payment providers: connections and their secrets, events taken, worked off, replayed and forgotten.

An event is answered once its row is committed, so nothing that was acknowledged is lost by a crash; what it comes to is
written behind the answer, in the transaction that marks it as worked. Source: revenue contract, 3.6.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from accounts.models import Site
from accounts.records import Who, write_audit
from accounts.selectors import site_ref
from accounts.types import SiteId
from accounts.validators import is_storable
from analytics_project import clock
from analytics_project.errors import AppError, InvalidRequest, NotFound, StoreUnavailable
from revenue import sealing
from revenue.erasure_services import erased_among
from revenue.models import MAX_ID_CHARACTERS, Payment, ProviderConnection, ProviderEvent, ProviderSecret
from revenue.provider_services import apply_outcomes, possible_users
from revenue.providers.adapters import ADAPTERS, outcomes_of
from revenue.providers.signatures import is_genuine
from revenue.providers.types import CustomerLinked, KnownAs, Outcome, Paid, Provider, UnreadableEventError
from stats.ingest.visitor import number_of_visitor, visitor_text
from stats.visitor_services import identified_among

logger = logging.getLogger(__name__)

KEPT_DAYS: Final = 30
MAX_SECRETS: Final = 5
FIRST_RETRY: Final = timedelta(minutes=1)
LONGEST_RETRY: Final = timedelta(days=1)
EVENTS_AT_ONCE: Final = 200
_NOTED_AT_MOST_EVERY: Final = timedelta(minutes=1)


# ---- Connections -----------------------------------------------------------------------------------------------------
def webhook_path(connection: ProviderConnection) -> str:
    """Return the path to enter at the provider."""
    return f"/webhooks/{connection.provider}/{connection.token}"


def check_secret(text: str) -> str:
    """Return a provider's secret without blanks around. Raises: InvalidRequest for a text that can be none."""
    secret = text.strip()
    if not 8 <= len(secret) <= MAX_ID_CHARACTERS or not secret.isascii() or not secret.isprintable():
        raise InvalidRequest("a secret has 8 to 255 characters of ASCII", code="invalid_secret")
    return secret


def add_secret(connection: ProviderConnection, secret: str, *, who: Who | None) -> ProviderSecret:
    """Take one more secret of a provider, sealed; the former ones stay good until they are deleted.

    Raises: InvalidRequest for a text that can be none, or when there are five.
    """
    secret = check_secret(secret)
    with transaction.atomic():
        ProviderConnection.objects.select_for_update().get(pk=connection.pk)
        if connection.secrets.count() >= MAX_SECRETS:
            raise InvalidRequest(f"there are {MAX_SECRETS} secrets; delete those that are out of use first")
        added = ProviderSecret.objects.create(connection=connection, sealed=sealing.seal(settings.SECRET_KEY, secret))
        write_audit(who, "provider_secret.create", connection)
    return added


def _secrets_of(connection: ProviderConnection) -> list[str]:
    """Return the secrets that can be read. Raises: StoreUnavailable where there are some and none can be."""
    sealed = list(connection.secrets.order_by("-pk").values_list("sealed", flat=True))
    secrets = []
    for one in sealed:
        try:
            secrets.append(sealing.unseal(settings.SECRET_KEY, one))
        except sealing.UnreadableSealError:
            logger.warning("a secret of %s cannot be read; was SECRET_KEY changed? Enter it again", connection)
    if sealed and not secrets:
        raise StoreUnavailable("The secrets of this webhook cannot be read", retry_after_s=3600)
    return secrets


# ---- Events taken ----------------------------------------------------------------------------------------------------
def take_event(provider: str, token: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Keep an event that is genuine and of interest, once; tell whether it is of interest.

    Header names are in lower case. Raises: NotFound for an address of no enabled webhook; InvalidRequest for a body
    that is not signed with one of its secrets or is no event; StoreUnavailable where no secret can be read.
    """
    known = ProviderConnection.objects.filter(provider=provider, token=token, is_enabled=True)
    connection = known.first() if is_storable(provider + token) else None
    if connection is None:
        raise NotFound("There is no such webhook", code="unknown_webhook")
    kind, now = Provider(connection.provider), clock.now()
    if not is_genuine(kind, headers, body, _secrets_of(connection), now=int(now.timestamp())):
        raise InvalidRequest("The signature is missing, wrong or too old", code="invalid_signature")
    try:
        identity = ADAPTERS[kind].identify(body, headers)
    except UnreadableEventError as problem:
        raise InvalidRequest(f"This is no event: {problem}", code="invalid_event") from problem
    _note_event(connection)
    if identity.event_type not in ADAPTERS[kind].types:
        return False
    event = ProviderEvent(
        connection=connection,
        event_id=identity.event_id,
        event_type=identity.event_type,
        body=body,
        received_at=now,
        next_try_at=now,
    )
    ProviderEvent.objects.bulk_create([event], ignore_conflicts=True)  # one statement; the unique index decides
    return True


def _note_event(connection: ProviderConnection) -> None:
    now, noted = clock.now(), connection.last_event_at
    if noted is None or noted < now - _NOTED_AT_MOST_EVERY:
        ProviderConnection.objects.filter(pk=connection.pk).update(last_event_at=now)


# ---- Events worked off -----------------------------------------------------------------------------------------------
def work_off_events() -> int:
    """Turn events that wait into payments, the oldest first; return how many that were, 200 at most."""
    due = ProviderEvent.objects.filter(worked_at=None, next_try_at__lte=clock.now()).order_by("next_try_at", "pk")
    worked = 0
    for number in list(due.values_list("pk", flat=True)[:EVENTS_AT_ONCE]):
        worked += _work_off(number)
    return worked


def _work_off(number: int) -> bool:
    """Work one event, unless somebody else does; a failure is noted with its reason and the time of the next try."""
    event = _claim(number)
    if event is None:
        return False
    connection = event.connection
    try:
        outcomes = outcomes_of(Provider(connection.provider), event.event_type, bytes(event.body))
        site = site_ref(connection.site)
        identified = identified_among(site, possible_users(site, outcomes))  # may wait for events: before any lock
        with transaction.atomic():
            apply_outcomes(site, outcomes, identified)
            ProviderEvent.objects.filter(pk=number).update(
                worked_at=clock.now(), problem="", **_person_of(connection.site, outcomes)
            )
    except (UnreadableEventError, AppError, DatabaseError) as problem:
        _note_failure(event, problem.message if isinstance(problem, AppError) else str(problem))
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as problem:  # ours
        logger.exception("event %s of %s was not understood", event.event_id, connection)
        _note_failure(event, f"internal error: {type(problem).__name__}")
    return True


def _person_of(site: Site, outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return what an event keeps of whom it was about; of a visitor who was erased nothing, and no body."""
    paid = {one.payment.transaction_id for one in outcomes if isinstance(one, Paid)}
    payments = list(Payment.objects.filter(site=site, transaction_id__in=paid))
    payers = [payment.payer for payment in payments] + [
        visitor_text(number_of_visitor(bytes(site.caller_id_secret), one.visitor_id))
        for one in outcomes
        if isinstance(one, CustomerLinked)
    ]
    if any(payment.erased_at for payment in payments) or erased_among(SiteId(site.pk), payers):
        return {"body": b"", "customer_id": "", "payer": ""}
    return {"customer_id": _customer_of(outcomes), "payer": payers[0] if payers else ""}


def _customer_of(outcomes: Sequence[Outcome]) -> str:
    named = (
        one.customer_id if isinstance(one, CustomerLinked | KnownAs) else one.payment.customer_id
        for one in outcomes
        if isinstance(one, CustomerLinked | KnownAs | Paid)
    )
    return next((customer for customer in named if customer), "")


def _claim(number: int) -> ProviderEvent | None:
    """Return an event that is due and move its next try ahead, so that nobody else takes it meanwhile."""
    with transaction.atomic():
        now = clock.now()
        event = (
            ProviderEvent.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("connection__site")
            .filter(pk=number, worked_at=None, next_try_at__lte=now)
            .first()
        )
        if event is not None:
            event.attempts += 1
            event.next_try_at = now + min(FIRST_RETRY * 4 ** min(event.attempts - 1, 10), LONGEST_RETRY)
            event.save(update_fields=["attempts", "next_try_at"])
    return event


def _note_failure(event: ProviderEvent, reason: str) -> None:
    logger.warning("event %s of %s could not be worked: %s", event.event_id, event.connection, reason)
    ProviderEvent.objects.filter(pk=event.pk).update(problem=reason[:MAX_ID_CHARACTERS])


def replay_events(events: "QuerySet[ProviderEvent]", *, who: Who | None) -> int:
    """Let events be worked again, those too that were; what is known already changes nothing. Return how many."""
    with transaction.atomic():
        count = events.exclude(body=b"").update(worked_at=None, problem="", attempts=0, next_try_at=clock.now())
        write_audit(who, "provider_event.replay", f"{count} events")
    return count


def forget_events() -> int:
    """Delete events from more than 30 days ago, worked or not; return how many rows that were."""
    return ProviderEvent.objects.filter(received_at__lt=clock.now() - timedelta(days=KEPT_DAYS)).delete()[0]
