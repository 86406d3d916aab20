"""Remove all that is stored of one visitor of a site."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts.selectors import site_ref
from accounts.validators import is_storable
from stats.erasure_services import erase_visitor
from stats.ingest.visitor import visitor_text
from stats.management.commands._erasing import ErasingCommand, erase, known_site
from stats.models import Erasure, ErasureKind
from stats.offline_services import Outcome, count_events_to_erase
from stats.visitor_services import visitor_number


class Command(ErasingCommand):
    help = (
        "Remove every event and visit of one visitor id of a site from the event store. What it was called is "
        "forgotten, and its payments become anonymous. An id of your own takes along all visitors who were identified "
        "as that user. A visit that is open while a server runs may go on and bring "
        "rows back: whatever comes under the id is searched for and removed, every ten minutes, for three days; then "
        "the id is forgotten. Without a persistent id the same person has another id on every day and on every site, "
        "and older ids cannot be told."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("visitor", metavar="VISITOR", help="v_ and 16 hex digits, or an id of your own as sent")
        parser.add_argument("--site", required=True, metavar="SITE", help="domain or public id of the site")
        super().add_arguments(parser)

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        """Erase the visitor. Shape: `site`, `visitor_id`, `events` removed, `outcome`."""
        site = site_ref(known_site(options["site"]))
        text: str = options["visitor"]
        if not text.strip() or not is_storable(text):
            raise CommandError("the visitor is empty or no readable text")
        number = visitor_number(site, text)
        result: dict[str, Any] = {"site": site.domain, "visitor_id": visitor_text(number)}
        if options["dry_run"]:
            unsaved = Erasure(site_number=site.id, kind=ErasureKind.VISITOR, visitor=visitor_text(number))
            counts = count_events_to_erase([unsaved])
            return {**result, "events": counts and counts[0], "outcome": "dry run, nothing was deleted"}
        erasure = erase_visitor(site, number)
        outcome = erase([erasure], options["wait"])
        erasure.refresh_from_db()
        return {**result, "events": erasure.removed_events if outcome is Outcome.DONE else None, "outcome": outcome}
