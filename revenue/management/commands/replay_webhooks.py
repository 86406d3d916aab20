"""Work events of payment providers again, such as after an upgrade that understands more of them."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.selectors import site_named
from revenue.models import ProviderEvent
from revenue.providers.types import Provider
from revenue.webhook_services import replay_events, work_off_events


class Command(BaseCommand):
    help = (
        "Work the kept events of payment providers again: those that failed, or all of the last 30 days. What is "
        "recorded already stays as it is. Exits with 1 when an event fails."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--all", action="store_true", help="also events that were worked")
        parser.add_argument("--provider", choices=list(Provider))
        parser.add_argument("--site", metavar="SITE", help="domain or public id of the site; without it, of all")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay, and say what became of it."""
        events = ProviderEvent.objects.exclude(body=b"")
        if not options["all"]:
            events = events.filter(worked_at=None)
        if options["provider"]:
            events = events.filter(connection__provider=options["provider"])
        if options["site"]:
            record = site_named(options["site"])
            if record is None:
                raise CommandError(f"there is no site {options['site']}")
            events = events.filter(connection__site=record)
        numbers = list(events.values_list("pk", flat=True))
        count = replay_events(ProviderEvent.objects.filter(pk__in=numbers), who=None)
        while work_off_events():
            pass
        failed = ProviderEvent.objects.filter(pk__in=numbers, worked_at=None)
        for event in failed.order_by("pk"):
            self.stderr.write(f"{event}: {event.problem}")
        self.stdout.write(f"{count} events, {failed.count()} of them failed")
        if failed.exists():
            raise CommandError("not all events could be worked")
