"""Count the views of web servers' access logs."""

import gzip
import http.client
import sys
import tempfile
import zlib
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import BufferedReader
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from accounts.selectors import intake_record
from accounts.types import SiteRef
from analytics_project import clock
from analytics_project.errors import AppError
from stats.city_services import keeps_city_names, save_city_names
from stats.import_services import import_events, recover_imports
from stats.ingest.access_log import AccessLog, SkipReason
from stats.ingest.geo import Places, open_places
from stats.management.commands._sending import post_to_server
from stats.services import event_store
from stats.store.migrations import require_current_schema

STANDARD_INPUT = "-"
GZIP_MAGIC = b"\x1f\x8b"
MAX_LINE_BYTES = 1_000_000
LINES_PER_STEP = 2000
LINES_THAT_TELL_A_PACE = 1000
DAY_SECONDS = 86_400

_REASON_TEXTS = {
    SkipReason.UNREADABLE: "not a readable log line",
    SkipReason.METHOD: "not a GET request",
    SkipReason.STATUS: "status other than 200 and 304",
    SkipReason.TOO_LONG: "URL over 2,000 bytes",
    SkipReason.FEED: "feed",
    SkipReason.ASSET: "image, style, script or other file",
    SkipReason.BOT: "bot",
    SkipReason.SPAM: "spam referrer",
}


class Command(BaseCommand):
    help = (
        "Import access logs (combined or common format, with or without virtual host, plain or gzip) into a site. "
        "Pages answered with 200 or 304 become pageviews; the summary says what else was in the log. While a server "
        "holds the embedded event store, send the views to it with --url and --key. Files imported before, in the same "
        "order, are not counted again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("files", nargs="+", metavar="FILE", help="log file; - is standard input")
        parser.add_argument("--site", required=True, metavar="DOMAIN", help="domain or public id of the site")
        parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
        parser.add_argument("--url", default="", help="send to the Footfall server at this address instead")
        parser.add_argument("--key", default="", help="with --url: an API key that may provision sites")
        parser.add_argument(
            "--timezone", default="Etc/UTC", help="with --url: the site's time zone, in which a visitor's day ends"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and print the summary. Raises: CommandError, one sentence, when nothing was imported."""
        if bool(options["url"]) != bool(options["key"]):
            raise CommandError("--url and --key go together")
        started = clock.monotonic_seconds()
        try:
            with ExitStack() as stack:
                log, answer = self._import(_open_logs(options["files"], stack), options)
        except AppError as problem:
            raise CommandError(problem.message) from problem
        except (OSError, EOFError, zlib.error) as problem:
            raise CommandError(f"nothing was imported: {problem}") from problem
        summary = _summary(log, answer, clock.monotonic_seconds() - started)
        self.stdout.write(orjson.dumps(summary).decode() if options["json"] else _table(summary))

    def _import(self, lines: Iterator[bytes], options: dict[str, Any]) -> tuple[AccessLog, dict[str, Any]]:
        places = open_places(settings.GEOIP_CITY_DB)
        if options["url"]:
            log = _access_log(lines, options["site"], options["timezone"], places)
            answer = _send(log, options["url"], options["key"], options["site"])
            if keeps_city_names():
                save_city_names(places.city_names)
            return log, answer
        site = _site(options["site"])
        store = event_store()
        require_current_schema(store)
        recover_imports(store)
        log = _access_log(lines, site.domain, site.timezone, places)
        done = import_events(store, site, log, key=lambda: _key(log))
        save_city_names(places.city_names)
        return log, {"imported": done.imported, "visits": done.visits, "repeated": done.is_repeat}


def _site(name: str) -> SiteRef:
    record = intake_record(name)
    if record is None:
        raise CommandError(f"there is no site {name}; make it with manage.py provision site --domain {name} --team ID")
    return record.site


def _access_log(lines: Iterator[bytes], domain: str, timezone: str, places: Places) -> AccessLog:
    return AccessLog(
        lines,
        domain=domain,
        timezone_name=timezone,
        find_place=places.find,
        latest=clock.unix_seconds() + DAY_SECONDS,
        ai_assistants=settings.AI_ASSISTANTS_CHANNEL,
        payment_hosts=settings.PAYMENT_HOSTS,
    )


def _key(log: AccessLog) -> str:
    """Name the lines of a log, so that a second run is recognised although its visitors are hashed anew."""
    return f"access log {log.digest}"


def _open_logs(names: Sequence[str], stack: ExitStack) -> Iterator[bytes]:
    """Open every log before the first is read, and show how far reading is. Raises: OSError."""
    files = [_opened(name, stack) for name in names]
    sizes = [0 if name == STANDARD_INPUT else Path(name).stat().st_size for name in names]
    progress = stack.enter_context(
        tqdm(total=sum(sizes) or None, unit="B", unit_scale=True, disable=None, file=sys.stderr, desc="reading")
    )
    return _lines(files, progress)


def _opened(name: str, stack: ExitStack) -> BufferedReader:
    if name == STANDARD_INPUT:
        return cast(BufferedReader, sys.stdin.buffer)
    return stack.enter_context(Path(name).open("rb"))


def _lines(files: Sequence[BufferedReader], progress: "tqdm[Any]") -> Iterator[bytes]:
    for raw in files:
        is_zipped = raw.peek(2)[:2] == GZIP_MAGIC
        lines: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if is_zipped else raw
        read_before = progress.n
        for number in count(1):
            line = lines.readline(MAX_LINE_BYTES)
            if raw.seekable() and (not line or number % LINES_PER_STEP == 0):
                progress.update(read_before + raw.tell() - progress.n)
            if not line:
                break
            yield line


def _send(log: AccessLog, url: str, key: str, site: str) -> dict[str, Any]:
    """Send the views to a server's import route in one request, zipped. Raises: CommandError, OSError."""
    with tempfile.TemporaryFile() as body:
        with gzip.GzipFile(fileobj=body, mode="wb", compresslevel=1) as zipped:
            while events := log.read(MAX_LINE_BYTES):
                zipped.write(events)
        length = body.tell()
        body.seek(0)
        status, answer = post_to_server(
            url,
            site,
            "events/import",
            cast("BinaryIO", body),
            {
                "Authorization": f"Bearer {key}",
                "Content-Type": "application/x-ndjson",
                "Content-Encoding": "gzip",
                "Content-Length": str(length),
                "Idempotency-Key": _key(log),
            },
        )
    if status != http.client.OK:
        raise CommandError(f"the server answered {status}: {answer.get('error', 'no reason given')}")
    return {"repeated": False, **answer}


def _summary(log: AccessLog, answer: dict[str, Any], seconds: float) -> dict[str, Any]:
    return {
        "lines": log.lines,
        "views": log.views,
        "left_out": {reason.value: log.skipped[reason] for reason in SkipReason if log.skipped[reason]},
        **answer,
        "seconds": round(seconds, 2),
        "lines_per_second": round(log.lines / seconds) if seconds else 0,
    }


def _table(summary: dict[str, Any]) -> str:
    rows = [("pageviews", summary["views"])]
    rows += [(_REASON_TEXTS[SkipReason(reason)], count) for reason, count in summary["left_out"].items()]
    rows.append(("lines in all", summary["lines"]))
    width = max(len(text) for text, _ in rows)
    table = [f"  {text:<{width}}  {count:>12,}" for text, count in rows]
    return "\n".join([*table, "", f"{_outcome(summary)} {_pace(summary)}"])


def _outcome(summary: dict[str, Any]) -> str:
    if summary["repeated"]:
        return "These lines had been imported before; nothing was added."
    if not summary["imported"]:
        return "Nothing was imported."
    visits = f" in {_counted(summary['visits'], 'visit')}" if "visits" in summary else ""
    return f"Imported {_counted(summary['imported'], 'pageview')}{visits}."


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'s' * (number != 1)}"


def _pace(summary: dict[str, Any]) -> str:
    """Say how long it took; of fewer lines the start of the command, not their number, makes the time."""
    pace = f", {summary['lines_per_second']:,} lines a second" if summary["lines"] >= LINES_THAT_TELL_A_PACE else ""
    return f"{summary['seconds']} s{pace}."
