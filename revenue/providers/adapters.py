"""The adapter of each provider, and how an event goes through it."""

from collections.abc import Mapping
from typing import Final

from revenue.providers import lemon_squeezy, paddle, polar, shopify, stripe
from revenue.providers.types import Adapter, Outcome, Paid, Provider, Undone, UnreadableEventError

ADAPTERS: Final[Mapping[Provider, Adapter]] = {
    Provider.STRIPE: Adapter(stripe.TYPES, stripe.identify, stripe.read),
    Provider.PADDLE: Adapter(paddle.TYPES, paddle.identify, paddle.read),
    Provider.LEMON_SQUEEZY: Adapter(lemon_squeezy.TYPES, lemon_squeezy.identify, lemon_squeezy.read),
    Provider.POLAR: Adapter(polar.TYPES, polar.identify, polar.read),
    Provider.SHOPIFY: Adapter(shopify.TYPES, shopify.identify, shopify.read),
}


def outcomes_of(provider: Provider, event_type: str, body: bytes) -> tuple[Outcome, ...]:
    """Return what an event comes to. Raises: UnreadableEventError, also for a refund of nothing."""
    found = ADAPTERS[provider].read(body, event_type)
    for one in found:
        if isinstance(one, Paid | Undone) and one.payment.is_refund and not one.payment.amount:
            raise UnreadableEventError("the amount of a refund must be above 0")
    return found
