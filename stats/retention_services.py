"""How long statistics are kept: by a site's own number of months, else by that of its team's plan."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.db.models.functions import Coalesce

from accounts.models import Site
from accounts.selectors import site_ref
from accounts.types import SiteRef
from analytics_project import clock

_MONTHS_A_YEAR: Final = 12


@dataclass(frozen=True, slots=True)
class Retention:
    """A site with an end to its statistics: they are kept from `before` on, for `months` whole months at the least."""

    site: SiteRef
    months: int
    before: datetime


def retention_before(months: int, timezone: str, now: datetime) -> datetime:
    """Return the first instant of the site's month that lies `months` months before the running one.

    Whole months, so that the store drops whole partitions, and pruning twice a month changes nothing.
    """
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    year, month = divmod(today.year * _MONTHS_A_YEAR + today.month - 1 - months, _MONTHS_A_YEAR)
    return datetime(year, month + 1, 1, tzinfo=zone)


def retentions(site: Site | None = None) -> Iterator[Retention]:
    """Yield the retention of every site that has one, or of the one site, by domain."""
    sites = Site.objects.annotate(months=Coalesce("retention_months", "team__plan__retention_months"))
    chosen = sites.filter(Q() if site is None else Q(pk=site.pk)).exclude(months=None).order_by("domain")
    for record in chosen.iterator():
        months: int = record.months
        yield Retention(site_ref(record), months, retention_before(months, record.timezone, clock.now()))
