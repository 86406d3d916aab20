"""Bring daily totals of another product, such as Plausible's exports, into a site."""

import http.client
import json
import sys
import tempfile
import zipfile
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError
from tqdm import tqdm

from accounts.selectors import site_ref
from analytics_project.errors import AppError
from stats.import_services import recover_imports
from stats.ingest.totals import InvalidTotalsError, parse_file_name
from stats.ingest.totals_files import CheckedTotals, check_totals
from stats.management.commands._erasing import known_site
from stats.management.commands._sending import post_to_server
from stats.services import event_store
from stats.store.migrations import require_current_schema
from stats.totals_services import TotalsSummary, import_totals, would_import

SHOWN_REFUSALS: Final = 20


class Command(BaseCommand):
    help = (
        "Import daily totals from CSV files imported_<table>_<first date>_<last date>.csv, such as Plausible exports: "
        "a zip, a directory, or the files themselves. Reports merge them where they are asked to (include.imports, "
        "with_imported). A day counts until the site's own events begin, and of each table from the first import that "
        "has it. All rows are taken or none. While a server holds the embedded event store, send the files to it with "
        "--url and --key."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("paths", nargs="+", metavar="PATH", help="zip, CSV file, or directory of CSV files")
        parser.add_argument("--site", required=True, metavar="DOMAIN", help="domain or public id of the site")
        parser.add_argument(
            "--dry-run", action="store_true", help="import nothing; check every line and say what would be"
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="print exactly one JSON object")
        parser.add_argument("--url", default="", help="send to the Footfall server at this address instead")
        parser.add_argument("--key", default="", help="with --url: an API key that may provision sites")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and print the summary. Raises: CommandError, with every refused line, when nothing was imported."""
        if bool(options["url"]) != bool(options["key"]):
            raise CommandError("--url and --key go together")
        try:
            with ExitStack() as stack:
                files = _opened(options["paths"], stack)
                totals = stack.enter_context(_checked(files, stack))
                _refuse(totals)
                result = self._import(files, totals, options)
        except AppError as problem:
            raise CommandError(problem.message) from problem
        except OSError as problem:
            raise CommandError(f"nothing was imported: {problem}") from problem
        except (OperationalError, ProgrammingError) as problem:
            raise CommandError(f"the database cannot be used ({problem}); run 'manage.py migrate' first") from problem
        self.stdout.write(json.dumps(result) if options["as_json"] else _described(result))

    def _import(
        self, files: Sequence[tuple[str, BinaryIO]], totals: CheckedTotals, options: dict[str, Any]
    ) -> dict[str, Any]:
        if options["url"]:
            answer: dict[str, Any] = {"imported": totals.rows, "cut": totals.outside, "files": list(totals.files)}
            if not options["dry_run"]:
                answer = _sent(files, options["url"], options["key"], options["site"])
        else:
            answer = _imported(totals, options)
        return {"dry_run": options["dry_run"], "repeated": False, **answer}


def _imported(totals: CheckedTotals, options: dict[str, Any]) -> dict[str, Any]:
    site = site_ref(known_site(options["site"]))
    store = event_store()
    require_current_schema(store)
    if options["dry_run"]:
        return _summary(would_import(store, site, totals), totals)
    recover_imports(store)
    return _summary(import_totals(store, site, totals), totals)


def _summary(done: TotalsSummary, totals: CheckedTotals) -> dict[str, Any]:
    return {
        "import_id": done.import_id,
        "imported": done.rows,
        "cut": done.cut_rows,
        "first_date": done.first_on and str(done.first_on),
        "last_date": done.last_on and str(done.last_on),
        "files": list(totals.files),
        "skipped_files": list(totals.skipped_files),
        "repeated": done.is_repeat,
    }


def _opened(paths: Sequence[str], stack: ExitStack) -> list[tuple[str, BinaryIO]]:
    """Open the files, of a directory those that are named like totals. Raises: OSError."""
    found: list[Path] = []
    for path in map(Path, paths):
        found += sorted(one for one in path.iterdir() if _is_named_like_totals(one)) if path.is_dir() else [path]
    return [(one.name, stack.enter_context(one.open("rb"))) for one in found]


def _is_named_like_totals(path: Path) -> bool:
    try:
        return path.is_file() and parse_file_name(path.name) is not None
    except InvalidTotalsError:
        return True  # which the check of the files then says


def _checked(files: Sequence[tuple[str, BinaryIO]], stack: ExitStack) -> CheckedTotals:
    """Read every line behind a bar, which shows on terminals only."""
    bar = stack.enter_context(tqdm(unit="B", unit_scale=True, disable=None, file=sys.stderr, desc="reading"))
    return check_totals(files, ai_assistants=settings.AI_ASSISTANTS_CHANNEL, progress=bar.update)


def _refuse(totals: CheckedTotals) -> None:
    """Raise CommandError with the lines that cannot be taken, if there are any."""
    if not totals.refused:
        return
    shown = [str(one) for one in totals.refused[:SHOWN_REFUSALS]]
    if len(totals.refused) > SHOWN_REFUSALS:
        shown.append(f"and {len(totals.refused) - SHOWN_REFUSALS} more")
    raise CommandError("nothing was imported:\n" + "\n".join(shown))


def _sent(files: Sequence[tuple[str, BinaryIO]], url: str, key: str, site: str) -> dict[str, Any]:
    """Send the files to a server's import route as one zip. Raises: CommandError, OSError."""
    with tempfile.TemporaryFile() as body:
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, file in files:
                _pack(packed, name, file)
        length = body.tell()
        body.seek(0)
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/zip",
            "Content-Length": str(length),
        }
        status, answer = post_to_server(url, site, "aggregates/import", cast("BinaryIO", body), headers)
    if status != http.client.OK:
        raise CommandError(f"the server answered {status}: {answer.get('error', 'no reason given')}")
    return answer


def _pack(packed: zipfile.ZipFile, name: str, file: BinaryIO) -> None:
    """Put a file, or the files of a zip, into the zip that is sent."""
    file.seek(0)
    if not zipfile.is_zipfile(file):
        file.seek(0)
        with packed.open(name, "w") as entry:
            while data := file.read(1_000_000):
                entry.write(data)
        return
    with zipfile.ZipFile(file) as archive:
        for one in archive.infolist():
            if not one.is_dir():
                with archive.open(one) as inner:
                    _pack(packed, one.filename, cast("BinaryIO", inner))


def _described(result: dict[str, Any]) -> str:
    lines = [f"  {name}" for name in result["files"]]
    lines += [f"  {name}: not one of the ten tables, skipped" for name in result.get("skipped_files", ())]
    if result["repeated"]:
        return "\n".join([*lines, "These rows had been imported before; nothing was added."])
    verb = "Would import" if result["dry_run"] else "Imported"
    dates = f", {result['first_date']} to {result['last_date']}" if result.get("first_date") else ""
    outcome = f"{verb} {result['imported']:,} rows{dates}; {result['cut']:,} rows are on other days and left out."
    return "\n".join([*lines, outcome])
