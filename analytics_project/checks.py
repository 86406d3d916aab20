"""Start-up checks that refuse what cannot work, with a sentence that says what to set."""

from collections.abc import Sequence

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from stats.ingest.addresses import TrustedProxies


@register()
def check_event_store_url(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Refuse an EVENTS_URL of an unknown kind and a cluster on the embedded store."""
    url: str = settings.EVENTS_URL
    if not url.startswith(("chdb://", "clickhouse://", "clickhouses://")):
        return [
            Error(
                f"EVENTS_URL begins with {url.partition('://')[0]!r}",
                hint="Use chdb:///directory, clickhouse://user:password@host:8123/database or clickhouses://… for TLS.",
                id="footfall.E001",
            )
        ]
    if settings.EVENTS_CLUSTER and url.startswith("chdb://"):
        return [
            Error(
                "EVENTS_CLUSTER is set, but EVENTS_URL names the embedded store, which is no cluster",
                hint="Set EVENTS_URL to clickhouse://… or unset EVENTS_CLUSTER.",
                id="footfall.E002",
            )
        ]
    return []


@register()
def check_trusted_proxies(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """Refuse a TRUSTED_PROXIES entry that is no address and no network."""
    try:
        TrustedProxies(settings.TRUSTED_PROXIES)
    except ValueError as problem:
        return [
            Error(f"TRUSTED_PROXIES: {problem}", hint="Use addresses or networks like 10.0.0.0/8.", id="footfall.E003")
        ]
    return []
