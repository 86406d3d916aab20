"""What a visitor did, in the shape of the Goals & Revenue API: an object an entry, told apart by `type`."""

from datetime import UTC, datetime

from goals.api.present_goals import DIRECT, session_shown
from goals.api.windows import instant_text
from revenue.journey_services import Entry, VisitorJourney
from stats.query.visitor_journey import EventEntry, PaymentEntry, VisitEntry

Row = dict[str, object]
PAGEVIEW = "pageview"
PAGE_READ = "page_read"
_ENGAGEMENT = "engagement"


def journey_rows(found: VisitorJourney) -> list[Row]:
    """Return a row an entry; a payment of a site that was deleted just now has none."""
    rows = []
    for entry in found.entries:
        shown = _shown(entry, found)
        if shown is not None:
            kind, members = shown
            at = instant_text(datetime.fromtimestamp(entry.at, UTC))
            rows.append({"type": kind, "at": at, "visitor_id": found.visitor_of(entry), **members})
    return rows


def _shown(entry: Entry, found: VisitorJourney) -> tuple[str, Row] | None:
    match entry:
        case VisitEntry():
            return "session", _visit(entry, found)
        case EventEntry():
            return _event(entry)
        case PaymentEntry():
            return _payment(entry, found)


def _visit(entry: VisitEntry, found: VisitorJourney) -> Row:
    return {
        "session_id": _session(entry.session_id),
        **session_shown(entry.session, found.city_names),
        "medium": entry.medium or None,
        "campaign": entry.campaign or None,
        "channel": entry.channel or DIRECT,
        "hostname": entry.hostname or None,
        "entry_page": entry.entry_page or None,
        "exit_page": entry.exit_page or None,
        "pageviews": entry.pageviews,
        "duration_seconds": entry.duration_s,
    }


def _event(entry: EventEntry) -> tuple[str, Row]:
    place = {
        "session_id": _session(entry.session_id),
        "hostname": entry.hostname or None,
        "pathname": entry.pathname or None,
    }
    if entry.name == _ENGAGEMENT:
        return PAGE_READ, {**place, "goals": list(entry.goals)}
    properties = {"properties": dict(entry.props), "goals": list(entry.goals)}
    if entry.name == PAGEVIEW:
        return PAGEVIEW, {**place, **properties}
    return "event", {"name": entry.name, **place, **properties}


def _payment(entry: PaymentEntry, found: VisitorJourney) -> tuple[str, Row] | None:
    payment = found.payments.get(entry.payment)
    if payment is None:
        return None
    return "refund" if payment.payment_type == "refund" else "payment", {
        "transaction_id": payment.transaction_id,
        "amount": payment.amount,
        "currency": payment.currency,
        "payment_type": payment.payment_type,
        "product_name": payment.product_name or None,
        "customer_id": payment.customer_id or None,
    }


def _session(number: int) -> str:
    return f"{number:016x}"
