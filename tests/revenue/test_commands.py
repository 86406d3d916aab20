"""`manage.py import_payments` and `refresh_exchange_rates`: what they record, refuse, and print."""

import io
import json
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Site
from analytics_project.errors import InvalidRequest
from revenue.management.commands import import_payments
from revenue.models import ExchangeRate, Payment
from revenue.published_rates import parse_published
from tests.factories import make_site
from tests.revenue.paying import once, record

pytestmark = pytest.mark.django_db

HEAD = "transaction_id,amount,currency,visitor_id,payment_type,paid_at,refund_of,note"
GOOD = (
    "t1,99.00,usd,ann,recurring,2026-03-05,,x",
    't2,"1e2",USD,ann,,2026-03-05T10:00:00Z,,x',
    "t3,20,USD,,refund,2026-03-06,t1,x",
    "t4,20.50,EUR,bob,,2026-03-06,,x",
)
XML = b"""<?xml version="1.0"?><gesmes:Envelope><Cube><Cube time="2026-11-18"><Cube currency="USD" rate="1.0827"/>
<Cube currency='JPY' rate='163.2'/></Cube><Cube time="2026-11-17"><Cube currency="USD" rate="1.08"/></Cube></Cube>"""
CSV = b"Date,USD,JPY,CYP,\n2026-11-18,1.0827,163.2,N/A,\n"


@pytest.fixture
def site() -> Site:
    return make_site(currency="USD")


def run(name: str, *words: object, fails: bool = False) -> dict[str, Any]:
    """Run a command with --json and return its one object."""
    out = io.StringIO()
    if fails:
        with pytest.raises(SystemExit) as ended:
            call_command(name, *map(str, words), "--json", stdout=out)
        assert ended.value.code == 1
    else:
        call_command(name, *map(str, words), "--json", stdout=out)
    (line,) = out.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def file_of(directory: Path, *lines: str, head: str = HEAD) -> Path:
    path = directory / "payments.csv"
    path.write_text("\n".join([head, *lines]), encoding="utf-8-sig")
    return path


def test_good_lines_are_recorded_refused_ones_reported_and_a_second_run_adds_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_payments, "PAYMENTS_AT_ONCE", 2)
    path = file_of(
        tmp_path, GOOD[0], *GOOD[2:], "t5,-4,USD,ann,,,,", "", "t6,4.999,USD,a b,gift,soon,,", "t1,1,USD,ann"
    )
    report = run("import_payments", path, "--site", site.domain, fails=True)
    assert {**report, "refused": None} == {
        "lines": 6,
        "created": 3,
        "repeated": 0,
        "refused": None,
        "dry_run": False,
    }
    assert [(one["line"], one["field"]) for one in report["refused"]] == [
        (5, "amount"),
        (7, "payment_type"),
        (7, "amount"),
        (7, "visitor_id"),
        (7, "paid_at"),
        (8, "transaction_id"),
    ]
    assert report["refused"][-1]["reason"] == "is recorded already and differs in amount"
    stored = Payment.objects.filter(site=site)
    assert {one.transaction_id: (one.amount, one.origin) for one in stored} == {
        "t1": (Decimal("99.00"), "import"),
        "t3": (Decimal("20.00"), "import"),
        "t4": (Decimal("20.50"), "import"),
    }
    again = run("import_payments", path, "--site", site.public_id, fails=True)
    assert (again["created"], again["repeated"]) == (0, 3)


def test_dry_run_records_nothing_and_tells_repeats_within_the_file(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_payments, "PAYMENTS_AT_ONCE", 1)
    path = file_of(tmp_path, GOOD[0], GOOD[0], GOOD[3])
    report = run("import_payments", path, "--site", site.domain, "--dry-run")
    assert (report["created"], report["repeated"], report["dry_run"]) == (2, 1, True)
    assert not Payment.objects.exists()


def test_report_for_people(site: Site, tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("import_payments", str(file_of(tmp_path, GOOD[0])), "--site", site.domain, stdout=out)
    assert out.getvalue() == "1 lines: 1 recorded, 0 known already, 0 refused\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "the header lacks transaction_id, amount, currency"),
        (b"transaction_id,amount\n1,2", "the header lacks currency"),
        (b"transaction_id,amount,currency\n\xff\xfe", "the file cannot be read"),
        (b'transaction_id,amount,currency\n"1', "the file cannot be read"),
        (b"transaction_id,amount,currency\na" + b"x" * 200_000, "the file cannot be read"),
    ],
)
def test_file_that_is_none_is_refused(content: bytes, text: str, site: Site, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=text):
        call_command("import_payments", str(path), "--site", site.domain)
    assert not Payment.objects.exists()


def test_unknown_site_missing_file_and_delimiter_are_refused(site: Site, tmp_path: Path) -> None:
    path = file_of(tmp_path, GOOD[0])
    for words in (
        [str(path), "--site", "nowhere.example"],
        [str(path), "--site", "\0"],
        [str(tmp_path / "none.csv"), "--site", site.domain],
        [str(path), "--site", site.domain, "--delimiter", "ab"],
    ):
        with pytest.raises(CommandError):
            call_command("import_payments", *words)


# ---- Rates -----------------------------------------------------------------------------------------------------------
def zipped(body: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("eurofxref-hist.csv", body)
    return packed.getvalue()


@pytest.mark.parametrize("body", [XML, CSV, zipped(CSV)], ids=["xml", "csv", "zip"])
def test_published_files_are_read(body: bytes) -> None:
    found = {(one.currency, one.on): one.per_euro for one in parse_published(body)}
    assert found["USD", date(2026, 11, 18)] == Decimal("1.0827")
    assert found["JPY", date(2026, 11, 18)] == Decimal("163.2")
    assert not [currency for currency, _ in found if currency == "CYP"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"a,b\n1,2",
        b"Date,USD\nsoon,1",
        b"PK\x03\x04 broken",
        b"\xff\xfe",
        zipped(b""),
        b'<Cube time="2026-13-01"><Cube currency="USD" rate="1"/>',
        b'<Cube time="2026-11-18"><Cube currency="USD" rate="NaN"/><Cube currency="USD" rate="0"/>',
    ],
)
def test_file_of_no_rates_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_published(body)


def test_refresh_stores_rates_once_and_converts_what_waited(site: Site, tmp_path: Path) -> None:
    record(site, once("2026-11-19", 100, currency="EUR"))
    path = tmp_path / "rates.xml"
    path.write_bytes(XML)
    expected = {"rates": 3, "newest": "2026-11-18", "converted_payments": 1}
    assert run("refresh_exchange_rates", "--file", path) == expected
    assert Payment.objects.get(site=site).converted == Decimal("108.27")
    assert run("refresh_exchange_rates", "--file", path) == {**expected, "converted_payments": 0}
    assert ExchangeRate.objects.count() == 3


@pytest.mark.parametrize(
    "words", [["--file", "/nowhere/rates.xml"], ["--url", "file:///etc/passwd"], ["--url", "http://127.0.0.1:1/"]]
)
def test_refresh_without_rates_says_why(words: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("refresh_exchange_rates", *words)
