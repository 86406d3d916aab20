"""Remove statistics that are older than plans and sites say they are kept."""

from argparse import ArgumentParser
from typing import Any

from stats.erasure_services import month_of, prune_statistics
from stats.management.commands._erasing import ErasingCommand, erase, known_site
from stats.models import Erasure, ErasureKind
from stats.offline_services import Outcome, count_events_to_erase
from stats.retention_services import Retention, retentions


class Command(ErasingCommand):
    help = (
        "Remove the statistics of sites that are older than the months of retention of the site, or else of its "
        "team's plan; both are set in the admin, and without them nothing is removed. Whole months of the site's time "
        "zone go, so a run a day or a month is enough."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--site", metavar="SITE", help="domain or public id of the only site to be pruned")
        super().add_arguments(parser)

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        """Prune. Shape: `sites`, each with `site`, `months`, `before` (ISO 8601), `events`; then `outcome`."""
        due = list(retentions(known_site(options["site"]) if options["site"] else None))
        counts = count_events_to_erase([_unsaved(one) for one in due])
        if options["dry_run"]:
            return {"sites": _lines(due, counts), "outcome": "dry run, nothing was deleted"}
        # Where the store can be asked, sites without old events cost nothing.
        wanted = [one for number, one in enumerate(due) if counts is None or counts[number] or _has_old_totals(one)]
        erasures = [prune_statistics(one.site, one.before) for one in wanted]
        removed_before = [erasure.removed_events for erasure in erasures]
        outcome = erase(erasures, options["wait"])
        if outcome is not Outcome.DONE:
            return {"sites": _lines(wanted, None), "outcome": outcome}
        for erasure in erasures:
            erasure.refresh_from_db()
        removed = [one.removed_events - before for one, before in zip(erasures, removed_before, strict=True)]
        return {"sites": _lines(wanted, removed), "outcome": outcome}

    def describe(self, result: dict[str, Any]) -> str:
        """Return one line for each site."""
        lines = [
            f"{one['site']}: before {one['before'][:10]} ({one['months']} months are kept): "
            + (f"{one['events']:,} events" if one["events"] is not None else "unknown how many events")
            for one in result["sites"]
        ]
        return "\n".join([*(lines or ["no site has anything to prune"]), str(result["outcome"])])


def _has_old_totals(one: Retention) -> bool:
    return any(imported.first_on < month_of(one.before) for imported in one.site.imports)


def _unsaved(one: Retention) -> Erasure:
    return Erasure(site_number=one.site.id, kind=ErasureKind.PRUNE, before=one.before)


def _lines(due: list[Retention], counts: list[int] | None) -> list[dict[str, Any]]:
    return [
        {
            "site": one.site.domain,
            "months": one.months,
            "before": one.before.isoformat(),
            "events": None if counts is None else counts[number],
        }
        for number, one in enumerate(due)
    ]
