"""Fetch exchange rates that were published after this release was made."""

import json
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from analytics_project.errors import AppError
from revenue.published_rates import MAX_BYTES, parse_published
from revenue.refresh_services import store_published

LAST_90_DAYS: Final = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist-90d.xml"
TIMEOUT_S: Final = 30


class Command(BaseCommand):
    help = (
        "Store the exchange rates that the European Central Bank publishes on working days, and convert payments that "
        "had none. Let cron run it daily. Touches the relational store only, so it may run beside the server."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        source = parser.add_mutually_exclusive_group()
        source.add_argument("--url", default=LAST_90_DAYS, help="where the file is (default: %(default)s)")
        source.add_argument("--file", default="", metavar="FILE", help="a file of the bank, XML, CSV or zipped CSV")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print exactly one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Store and say what was done. Raises: CommandError, one sentence."""
        try:
            body = Path(options["file"]).read_bytes() if options["file"] else _fetched(options["url"])
            rates = parse_published(body)
            converted = store_published(rates)
        except AppError as problem:
            raise CommandError(problem.message) from problem
        except (OperationalError, ProgrammingError) as problem:
            raise CommandError(f"the database cannot be used ({problem}); run 'manage.py migrate' first") from problem
        except (OSError, urllib.error.URLError, ValueError) as problem:
            raise CommandError(f"no rates were fetched: {problem}") from problem
        newest = max(one.on for one in rates).isoformat()
        result = {"rates": len(rates), "newest": newest, "converted_payments": converted}
        if options["as_json"]:
            self.stdout.write(json.dumps(result))
        else:
            self.stdout.write(f"{len(rates)} rates, up to {newest}; {converted} waiting payments converted")


def _fetched(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise CommandError("--url must begin with https:// or http://")
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the scheme was looked at
        body: bytes = answer.read(MAX_BYTES + 1)
    return body
