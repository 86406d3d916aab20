"""Bring the event store's schema up to date."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from analytics_project.errors import AppError
from stats.store import migrations
from stats.store.client import open_store


class Command(BaseCommand):
    help = "Apply the numbered steps that the event store still needs; does nothing when it is current."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="apply nothing; exit with 1 when steps are pending")

    def handle(self, *args: object, **options: object) -> None:
        store = open_store(settings.EVENTS_URL, cluster=settings.EVENTS_CLUSTER)
        try:
            if options["check"]:
                self._check(migrations.pending_migrations(store))
                return
            applied = migrations.migrate(store)
            for step in applied:
                self.stdout.write(f"applied {step.version:04d} {step.name}")
            self.stdout.write(f"event store at schema version {migrations.schema_version(store)}")
        except AppError as problem:
            raise CommandError(problem.message) from problem
        finally:
            store.close()

    def _check(self, steps: tuple[migrations.Migration, ...]) -> None:
        for step in steps:
            self.stdout.write(f"pending {step.version:04d} {step.name}")
        if steps:
            raise CommandError(f"{len(steps)} steps are pending", returncode=1)
        self.stdout.write("event store is current")
