"""Say whether this installation is well."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from stats.doctor_services import State, examine

_COLOURS: Final = {State.OK: "SUCCESS", State.WARN: "WARNING", State.FAIL: "ERROR"}


class Command(BaseCommand):
    help = (
        "Look at settings, secret, both stores, schema, disk, spool, salts, erasures, Redis and the place database: "
        "one line each, ok, warn or fail. Changes nothing, and may run beside a server. Ends with 1 when something "
        "fails; with --strict also when something warns."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="print exactly one JSON object")
        parser.add_argument("--strict", action="store_true", help="end with 1 on warnings too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the findings. Raises: CommandError when something is wrong; its exit code is 1."""
        findings = []
        for finding in examine():
            findings.append(finding)
            if not options["as_json"]:
                colour = getattr(self.style, _COLOURS[finding.state])
                self.stdout.write(f"{colour(f'{finding.state:<4}')}  {finding.subject:<16}  {finding.text}")
                self.stdout.flush()
        worst = {finding.state for finding in findings}
        failed = State.FAIL in worst or (options["strict"] and State.WARN in worst)
        if options["as_json"]:
            self.stdout.write(json.dumps({"well": not failed, "findings": [asdict(one) for one in findings]}))
        if failed:
            raise CommandError("this installation needs attention", returncode=1)
