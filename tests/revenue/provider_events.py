"""Events of payment providers in the shape of their public documentation, and how each signs them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from revenue.providers.types import Provider

SECRET = "whsec_c2VjcmV0IG9mIGEgcHJvdmlkZXI="
NOW = 1_772_712_000  # 2026-03-05T12:00:00Z

Event = Mapping[str, Any]


def encoded(event: Event) -> bytes:
    """Return an event as a body, one space in it that a re-encoding would lose."""
    return json.dumps(event, separators=(",", ": ")).encode()


def signature(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def headers_for(
    provider: Provider, body: bytes, *, at: int = NOW, secret: str = SECRET, topic: str = "", event_id: str = "msg_1"
) -> dict[str, str]:
    """Return the headers with which a provider sends a body."""
    key = secret.encode()
    match provider:
        case Provider.STRIPE:
            return {"stripe-signature": f"t={at},v0=00,v1={signature(key, b'%d.%b' % (at, body)).hex()}"}
        case Provider.PADDLE:
            return {"paddle-signature": f"ts={at};h1={signature(key, b'%d:%b' % (at, body)).hex()}"}
        case Provider.LEMON_SQUEEZY:
            return {"x-signature": signature(key, body).hex()}
        case Provider.POLAR:
            signed = signature(key, f"{event_id}.{at}.".encode() + body)
            return {
                "webhook-id": event_id,
                "webhook-timestamp": str(at),
                "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
            }
        case Provider.SHOPIFY:
            return {
                "x-shopify-hmac-sha256": base64.b64encode(signature(key, body)).decode(),
                "x-shopify-topic": topic,
            }


# ---- Stripe ----------------------------------------------------------------------------------------------------------
def stripe(event_id: str, event_type: str, item: Event, created: int = NOW) -> Event:
    return {
        "id": event_id,
        "object": "event",
        "api_version": "2026-01-28",
        "created": created,
        "livemode": True,
        "type": event_type,
        "data": {"object": item},
    }


def stripe_session(**fields: Any) -> Event:
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "mode": "payment",
        "payment_status": "paid",
        "amount_total": 4900,
        "currency": "usd",
        "customer": "cus_1",
        "payment_intent": "pi_1",
        "invoice": None,
        "client_reference_id": "from_reference",
        "metadata": {"visitor_id": "from_metadata"},
        **fields,
    }


def stripe_invoice(number: int = 1, paid_at: int = NOW, **fields: Any) -> Event:
    """Return an invoice of the present shape: the subscription stands in `parent`, no payment intent is named."""
    return {
        "id": f"in_{number}",
        "object": "invoice",
        "customer": "cus_1",
        "currency": "usd",
        "amount_paid": 3000,
        "created": paid_at - 60,
        "status_transitions": {"paid_at": paid_at},
        "parent": {"subscription_details": {"subscription": "sub_1", "metadata": {}}},
        "lines": {
            "data": [
                {
                    "amount": 3000,
                    "description": "1 × Pro (at $30.00 / month)",
                    "period": {"start": paid_at, "end": paid_at + 31 * 86_400},
                    "parent": {"subscription_item_details": {"proration": False, "subscription": "sub_1"}},
                }
            ]
        },
        **fields,
    }


def stripe_refund(number: int = 1, status: str = "succeeded", **fields: Any) -> Event:
    return {
        "id": f"re_{number}",
        "object": "refund",
        "amount": 1000,
        "currency": "usd",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "status": status,
        "created": NOW + 3600,
        **fields,
    }


# ---- Paddle ----------------------------------------------------------------------------------------------------------
def paddle(event_id: str, event_type: str, data: Event) -> Event:
    return {
        "event_id": event_id,
        "event_type": event_type,
        "occurred_at": "2026-03-05T12:00:00.123456Z",
        "notification_id": f"ntf_{event_id}",
        "data": data,
    }


def paddle_transaction(**fields: Any) -> Event:
    return {
        "id": "txn_1",
        "status": "completed",
        "origin": "web",
        "customer_id": "ctm_1",
        "subscription_id": "sub_p1",
        "currency_code": "USD",
        "billed_at": "2026-03-05T12:00:00.5Z",
        "billing_period": {"starts_at": "2026-03-05T12:00:00Z", "ends_at": "2026-06-05T12:00:00Z"},
        "custom_data": {"footfall_visitor_id": "bea"},
        "items": [
            {"price": {"id": "pri_1", "name": "Quarterly", "billing_cycle": {"interval": "month", "frequency": 3}}}
        ],
        "details": {
            "totals": {"total": "9000", "grand_total": "9000", "currency_code": "USD"},
            "line_items": [{"price_id": "pri_1", "product": {"name": "Team"}}],
        },
        **fields,
    }


def paddle_adjustment(number: int = 1, status: str = "approved", **fields: Any) -> Event:
    return {
        "id": f"adj_{number}",
        "action": "refund",
        "transaction_id": "txn_1",
        "customer_id": "ctm_1",
        "currency_code": "USD",
        "status": status,
        "totals": {"total": "2500"},
        "created_at": "2026-03-06T08:00:00Z",
        **fields,
    }


# ---- Lemon Squeezy ---------------------------------------------------------------------------------------------------
def lemon_squeezy(event_type: str, kind: str, number: int, attributes: Event) -> Event:
    return {
        "meta": {"event_name": event_type, "test_mode": False, "custom_data": {"datafast_visitor_id": "cleo"}},
        "data": {"type": kind, "id": str(number), "attributes": attributes},
    }


def lemon_squeezy_order(**fields: Any) -> Event:
    return {
        "customer_id": 7,
        "status": "paid",
        "currency": "EUR",
        "total": 1999,
        "refunded": False,
        "refunded_at": None,
        "first_order_item": {"product_name": "Book", "variant_name": "PDF"},
        "created_at": "2026-03-05T12:00:00.000000Z",
        **fields,
    }


def lemon_squeezy_invoice(**fields: Any) -> Event:
    return {
        "customer_id": 7,
        "subscription_id": 5,
        "billing_reason": "initial",
        "status": "paid",
        "currency": "EUR",
        "total": 1999,
        "created_at": "2026-03-05T12:00:01.000000Z",
        **fields,
    }


# ---- Polar -----------------------------------------------------------------------------------------------------------
def polar(event_type: str, data: Event) -> Event:
    return {"type": event_type, "timestamp": "2026-03-05T12:00:00.000000Z", "data": data}


def polar_order(**fields: Any) -> Event:
    return {
        "id": "0d6d9bb4-6f3f-4bd2-8a9f-1b1d5f1e0001",
        "status": "paid",
        "billing_reason": "subscription_cycle",
        "currency": "usd",
        "net_amount": 10_000,
        "tax_amount": 2_000,
        "total_amount": 12_000,
        "refunded_amount": 0,
        "refunded_tax_amount": 0,
        "customer_id": "b2f6",
        "subscription_id": "5a1c",
        "metadata": {},
        "customer": {"metadata": {}},
        "product": {"name": "Studio"},
        "subscription": {
            "recurring_interval": "year",
            "recurring_interval_count": 1,
            "metadata": {"visitor_id": "dan"},
        },
        "created_at": "2026-03-05T11:59:00Z",
        **fields,
    }


# ---- Shopify ---------------------------------------------------------------------------------------------------------
def shopify_order(**fields: Any) -> Event:
    return {
        "id": 820_982_911,
        "currency": "JPY",
        "total_price": "5000",
        "test": False,
        "processed_at": "2026-03-05T21:00:00+09:00",
        "customer": {"id": 115},
        "note_attributes": [{"name": "visitor_id", "value": "eve"}, {"name": "gift", "value": "yes"}],
        "line_items": [{"title": "Teapot"}, {"title": "Cup"}],
        **fields,
    }


def shopify_refund(**fields: Any) -> Event:
    return {
        "id": 509,
        "order_id": 820_982_911,
        "created_at": "2026-03-06T09:00:00+09:00",
        "transactions": [
            {"id": 1, "kind": "refund", "status": "success", "amount": "1200", "currency": "JPY"},
            {"id": 2, "kind": "refund", "status": "failure", "amount": "9999", "currency": "JPY"},
            {"id": 3, "kind": "void", "status": "success", "amount": "50", "currency": "JPY"},
        ],
        **fields,
    }
