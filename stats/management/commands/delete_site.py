"""Delete a site with everything that belongs to it, its events included."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any, cast

from django.contrib.admin.utils import NestedObjects
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from accounts.models import Site
from accounts.selectors import site_ref
from goals.site_services import delete_site
from stats.management.commands._erasing import ErasingCommand, erase, known_site
from stats.models import Erasure, ErasureKind
from stats.offline_services import Outcome, count_events_to_erase


class Command(ErasingCommand):
    help = (
        "Delete a site with its goals, links, guests, tokens, segments and events. The site is gone at once, its "
        "events are removed by this command, or by the running server, which notices within seconds; an event that "
        "was on its way is found and removed in the three days after."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("site", metavar="SITE", help="domain or public id of the site")
        super().add_arguments(parser)

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        """Delete the site. Shape: `site`, `public_id`, `records` by kind, `events` removed, `outcome`."""
        site = known_site(options["site"])
        result: dict[str, Any] = {"site": site.domain, "public_id": site.public_id, "records": _records(site)}
        number = site.pk
        if options["dry_run"]:
            unsaved = Erasure(site_number=number, kind=ErasureKind.DELETE)
            counts = count_events_to_erase([unsaved])
            return {**result, "events": counts and counts[0], "outcome": "dry run, nothing was deleted"}
        delete_site(site_ref(site))
        erasure = Erasure.objects.filter(site_number=number, kind=ErasureKind.DELETE).latest("pk")
        outcome = erase([erasure], options["wait"])
        erasure.refresh_from_db()
        return {**result, "events": erasure.removed_events if outcome is Outcome.DONE else None, "outcome": outcome}

    def describe(self, result: dict[str, Any]) -> str:
        """Return one line for each value."""
        return super().describe({**result, "records": _listed(result["records"])})


def _listed(records: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in records.items()) or "none"


def _records(site: Site) -> dict[str, int]:
    """Return how many records of each kind go with a site, itself not counted."""
    collector = NestedObjects(using=DEFAULT_DB_ALIAS)
    collector.collect([site])
    found = cast(Mapping[type[Model], set[Model]], collector.model_objs)  # the stubs take the classes for names
    counts = {str(model._meta.verbose_name_plural): len(records) for model, records in found.items()}
    del counts[str(Site._meta.verbose_name_plural)]
    return dict(sorted(counts.items()))
