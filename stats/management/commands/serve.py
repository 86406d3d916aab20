"""`manage.py serve`: the server, in development and in production alike."""

from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from analytics_project.errors import StoreUnavailable
from stats.services import event_store
from stats.store.migrations import migrate, pending_migrations

DEFAULT_PORT = 8000


class Command(BaseCommand):
    help = "Serve intake, APIs and admin in one process. Stops cleanly on SIGTERM: accepted events are written first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port to listen on (default: %(default)s)")
        parser.add_argument("--workers", type=int, default=1, help="processes; this release serves with one")

    def handle(self, *args: Any, **options: Any) -> None:
        """Bring both stores up to date or say what is missing, then serve until stopped."""
        if options["workers"] != 1:
            raise CommandError(
                "open visits live in the memory of the one serving process, so --workers must be 1; "
                "one process takes thousands of events a second"
            )
        try:
            self._prepare_relational_store()
            self._prepare_event_store()
        except StoreUnavailable as problem:
            raise CommandError(problem.message) from problem
        except DatabaseError as problem:
            raise CommandError(f"the relational store cannot be reached: {problem}") from problem
        self.stdout.write(f"Footfall serves on http://{options['host']}:{options['port']}")
        self.stdout.flush()
        uvicorn.run(
            "analytics_project.asgi:application",
            host=options["host"],
            port=options["port"],
            lifespan="on",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            log_config=None,
            timeout_graceful_shutdown=10,
        )

    def _prepare_relational_store(self) -> None:
        executor = MigrationExecutor(connection)
        if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return
        if connection.vendor != "sqlite":
            raise CommandError("the relational store has pending migrations: run `manage.py migrate` first")
        call_command("migrate", verbosity=0, stdout=self.stdout)

    def _prepare_event_store(self) -> None:
        """Migrate an embedded store; demand it of a server's operator. A store newer than this code is refused."""
        store = event_store()
        if not pending_migrations(store):
            return
        if not settings.EVENTS_URL.startswith("chdb:"):
            raise CommandError("the event store has pending migrations: run `manage.py migrate_events` first")
        migrate(store)
