"""Record the payments of a CSV file."""

import csv
import json
import re
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError, transaction
from tqdm import tqdm

from accounts.selectors import site_named, site_ref
from accounts.types import SiteRef
from analytics_project import clock
from analytics_project.errors import AppError, InvalidFields
from goals.api.bodies import Fields, SentDecimal
from revenue.api.payment_forms import payment_of
from revenue.services import record_payments
from revenue.types import NewPayment, Origin, Recorded

PAYMENTS_AT_ONCE: Final = 1_000
SHOWN_REFUSALS: Final = 100
COLUMNS: Final = (
    "transaction_id",
    "amount",
    "currency",
    "visitor_id",
    "payment_type",
    "product_name",
    "paid_at",
    "interval",
    "refund_of",
    "subscription_id",
    "customer_id",
)
REQUIRED: Final = COLUMNS[:3]
_AMOUNT: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")


@dataclass
class Report:
    """What became of the lines; a refusal is line number, field and reason."""

    lines: int = 0
    created: int = 0
    repeated: int = 0
    refused: list[dict[str, object]] = field(default_factory=list)

    def refuse(self, line: int, name: str, reason: str) -> None:
        """Note why a line was refused."""
        self.refused.append({"line": line, "field": name, "reason": reason})


class Command(BaseCommand):
    help = (
        f"Import payments and refunds from a CSV file with a header: {', '.join(COLUMNS)}; the first three are needed, "
        "others ignored. What was imported before is recognised by its transaction_id, so a file may be run again. "
        "Lines that are refused are reported and the others taken; the exit code is then 1. Touches the relational "
        "store only, so it may run beside the server."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("file", metavar="FILE", help="CSV, UTF-8")
        parser.add_argument("--site", required=True, metavar="DOMAIN", help="domain or public id of the site")
        parser.add_argument("--delimiter", default=",", help="what separates columns (default: a comma)")
        parser.add_argument("--dry-run", action="store_true", help="record nothing; say what would be")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print exactly one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and print the report. Raises: CommandError, one sentence."""
        site = site_named(options["site"]) if options["site"].isprintable() else None
        if site is None:
            raise CommandError(f"there is no site {options['site']!r}")
        try:
            report = _import(site_ref(site), Path(options["file"]), options["delimiter"], dry_run=options["dry_run"])
        except AppError as problem:
            raise CommandError(problem.message) from problem
        except (OperationalError, ProgrammingError) as problem:
            raise CommandError(f"the database cannot be used ({problem}); run 'manage.py migrate' first") from problem
        except (OSError, UnicodeDecodeError, csv.Error, TypeError) as problem:
            raise CommandError(f"the file cannot be read: {problem}; what came before is recorded") from problem
        self._print(report, options)
        if report.refused:
            sys.exit(1)

    def _print(self, report: Report, options: dict[str, Any]) -> None:
        if options["as_json"]:
            counts = {"lines": report.lines, "created": report.created, "repeated": report.repeated}
            self.stdout.write(json.dumps({**counts, "refused": report.refused, "dry_run": options["dry_run"]}))
            return
        for one in report.refused[:SHOWN_REFUSALS]:
            self.stdout.write(f"line {one['line']}: {one['field']} {one['reason']}")
        if len(report.refused) > SHOWN_REFUSALS:
            self.stdout.write(f"and {len(report.refused) - SHOWN_REFUSALS} more; --json tells all")
        verb = "would be recorded" if options["dry_run"] else "recorded"
        refused = len({one["line"] for one in report.refused})
        self.stdout.write(
            f"{report.lines} lines: {report.created} {verb}, {report.repeated} known already, {refused} refused"
        )


def _import(site: SiteRef, path: Path, delimiter: str, *, dry_run: bool) -> Report:
    report = Report()
    batch: list[tuple[int, NewPayment]] = []
    seen: set[tuple[bool, str]] = set()  # of a dry run, whose batches do not see each other
    size = path.stat().st_size
    with path.open("rb") as file, tqdm(total=size, unit="B", unit_scale=True, disable=None, file=sys.stderr) as bar:
        for line, row in _rows(file, delimiter, bar):
            report.lines += 1
            if (payment := _payment(line, row, report)) is not None:
                batch.append((line, payment))
            if len(batch) == PAYMENTS_AT_ONCE:
                _record(site, batch, report, seen, dry_run=dry_run)
                batch = []
        _record(site, batch, report, seen, dry_run=dry_run)
    return report


def _rows(file: BinaryIO, delimiter: str, bar: "tqdm[Any]") -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line numbers, counted from 1, and what stands in the known columns."""

    def texts() -> Iterator[str]:
        for number, line in enumerate(file):
            bar.update(len(line))
            yield line.decode("utf-8-sig" if number == 0 else "utf-8")

    rows = csv.reader(texts(), delimiter=delimiter, strict=True)
    head = [name.strip() for name in next(rows, [])]
    if missing := [name for name in REQUIRED if name not in head]:
        raise CommandError(f"the header lacks {', '.join(missing)}; it must name the columns, such as {COLUMNS[0]}")
    for row in rows:
        if any(text.strip() for text in row):
            yield rows.line_num, dict(zip(head, row, strict=False))


def _payment(line: int, row: dict[str, str], report: Report) -> NewPayment | None:
    """Return the payment of a line, None for one that was refused."""
    body: dict[str, object] = {name: row[name].strip() for name in COLUMNS if row.get(name, "").strip()}
    amount = body.get("amount")
    if isinstance(amount, str) and _AMOUNT.fullmatch(amount):
        body["amount"] = SentDecimal(amount)
    try:
        return payment_of(body, clock.now(), _visitor)
    except InvalidFields as problem:
        for name, texts in problem.errors.items():
            report.refuse(line, name, "; ".join(texts))
        return None


def _visitor(fields: Fields) -> str:
    """Return who paid, empty where the file does not say."""
    return "" if fields.sent("visitor_id") is None else fields.visitor_id()


def _record(
    site: SiteRef,
    batch: list[tuple[int, NewPayment]],
    report: Report,
    seen: set[tuple[bool, str]],
    *,
    dry_run: bool,
) -> None:
    if not batch:
        return
    with transaction.atomic():
        outcomes = record_payments(site, [payment for _, payment in batch], who=None, origin=Origin.IMPORT)
        transaction.set_rollback(dry_run)
    for (line, payment), outcome in zip(batch, outcomes, strict=True):
        key = (payment.is_refund, payment.transaction_id)
        match outcome.recorded:
            case Recorded.CREATED if key not in seen:
                report.created += 1
            case Recorded.CONFLICT:
                reason = "was voided" if outcome.differs_in == "voided" else f"differs in {outcome.differs_in}"
                report.refuse(line, "transaction_id", f"is recorded already and {reason}")
            case _:
                report.repeated += 1
        seen.add(key)
