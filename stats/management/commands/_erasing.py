"""What the commands that delete have in common: their options, their bar, and what they say of the work done."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError
from tqdm import tqdm

from accounts.models import Site
from accounts.selectors import site_named
from analytics_project.errors import AppError
from stats.models import Erasure
from stats.offline_services import Outcome, carry_out

WAIT_S: Final = 60.0


class ErasingCommand(BaseCommand):
    """A command whose `run` returns what it did as one flat object."""

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options of all these commands."""
        parser.add_argument("--dry-run", action="store_true", help="delete nothing; say what would be")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print exactly one JSON object")
        parser.add_argument(
            "--wait",
            type=float,
            default=WAIT_S,
            metavar="SECONDS",
            help="while a server runs, it removes the events: how long to wait for that (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run and print. Raises: CommandError, one line, for whatever is refused or unknown."""
        try:
            result = self.run(options)
        except AppError as problem:
            raise CommandError(problem.message) from problem
        except (OperationalError, ProgrammingError) as problem:
            raise CommandError(f"the database cannot be used ({problem}); run 'manage.py migrate' first") from problem
        self.stdout.write(json.dumps(result) if options["as_json"] else self.describe(result))

    def run(self, options: dict[str, Any]) -> dict[str, Any]:
        """Do the work, or with `--dry-run` find out what it would be."""
        raise NotImplementedError

    def describe(self, result: dict[str, Any]) -> str:
        """Return the result as lines for people."""
        return "\n".join(
            f"{name.replace('_', ' ')}: {'unknown, a running server holds the event store' if value is None else value}"
            for name, value in result.items()
        )


def known_site(text: str) -> Site:
    """Return the site of this domain or public id. Raises: CommandError."""
    if not text.isprintable():
        raise CommandError("the arguments must be readable text")
    site = site_named(text)
    if site is None:
        raise CommandError(f"there is no site {text!r}")
    return site


def erase(erasures: Sequence[Erasure], wait_s: float) -> Outcome:
    """Carry saved erasures out behind a bar, which shows on terminals only. Raises: CommandError, with what helps."""
    with tqdm(total=len(erasures), desc="erasing", unit="site", disable=None, file=sys.stderr) as bar:
        try:
            return carry_out(erasures, wait_s=wait_s, progress=bar.update)
        except AppError as problem:
            raise CommandError(
                f"the events are not removed yet: {problem.message}. The next start of the server removes them."
            ) from problem
