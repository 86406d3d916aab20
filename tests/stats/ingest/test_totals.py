"""Files of daily totals: names, columns, every line that is taken or refused, zips that are not what they seem."""

import io
import struct
import zipfile
from collections.abc import Mapping
from datetime import date
from typing import Any

import orjson
import pytest

from analytics_project.errors import InvalidRequest
from stats.ingest import totals_files
from stats.ingest.totals import MAX_LINE_BYTES, InvalidTotalsError, TotalsName, parse_file_name
from stats.ingest.totals_files import CheckedTotals, check_totals
from stats.query.types import Report

VISITORS = "imported_visitors_20240101_20240131.csv"


def check(content: bytes, name: str = VISITORS) -> CheckedTotals:
    return check_totals([(name, io.BytesIO(content))])


def rows(content: bytes, name: str = VISITORS) -> list[dict[str, Any]]:
    with check(content, name) as totals:
        assert totals.refused == []
        return [orjson.loads(row) for batch in totals.batches() for _, _, row in batch]


def refusals(content: bytes, name: str = VISITORS) -> list[tuple[int, str]]:
    with check(content, name) as totals:
        return [(one.line, one.reason) for one in totals.refused]


def zipped(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (VISITORS, TotalsName(Report.VISITORS, date(2024, 1, 1), date(2024, 1, 31))),
        ("a/b/entry_pages_20240101_20240101.csv", TotalsName(Report.ENTRY_PAGES, date(2024, 1, 1), date(2024, 1, 1))),
        ("imported_custom_props_20240101_20240131.csv", None),
        ("imported_visitors.csv", None),
        ("imported_visitors_20240101_20240131.csv.exe", None),
        ("readme.txt", None),
        ("", None),
    ],
)
def test_name_tells_report_and_dates(name: str, told: TotalsName | None) -> None:
    assert parse_file_name(name) == told


@pytest.mark.parametrize("dates", ["20240231_20240301", "20240201_20240131"])
def test_name_with_odd_dates_is_refused(dates: str) -> None:
    with pytest.raises(InvalidTotalsError):
        parse_file_name(f"imported_visitors_{dates}.csv")


def test_columns_come_in_any_order_and_may_be_missing() -> None:
    content = b'\xef\xbb\xbf"pageviews","date"\r\n10,"2024-01-01"\r\n\r\n,2024-01-02\r\n'
    assert rows(content) == [
        {"report": "visitors", "day": "2024-01-01", "pageviews": 10, "events": 10},
        {"report": "visitors", "day": "2024-01-02", "pageviews": 0, "events": 0},
    ]


def test_reports_become_columns_of_the_store() -> None:
    def one(name: str, text: str) -> dict[str, Any]:
        (row,) = rows(text.encode(), f"imported_{name}_20240101_20240131.csv")
        return row

    page = one("pages", "date,page,hostname,visitors,total_time_on_page,exits\n2024-01-01,,,2,90,7")
    assert (page["name"], page["pathname"], page["hostname"], page["engagement_seconds"]) == (
        "pageview",
        "/",
        "(none)",
        90,
    )
    entry = one("entry_pages", "date,entry_page,entrances\n2024-01-01,/a,3")
    assert (entry["entry_page"], entry["visits"]) == ("/a", 3)
    place = one("locations", "date,country,region,city\n2024-01-01,ee,EE-37,588409")
    assert (place["country_code"], place["subdivision1_code"], place["city_geoname_id"]) == ("EE", "EE-37", 588409)
    nowhere = one("locations", 'date,country,region,city\n2024-01-01,"\0\0",,')
    assert (nowhere["country_code"], nowhere["city_geoname_id"]) == ("", 0)
    paid = one("sources", "date,source,utm_medium\n2024-01-01,Google,cpc")
    assert paid["channel"] == "Paid Search"
    named = one("sources", "date,source,channel\n2024-01-01,Google,")
    assert named["channel"] == "(not set)"
    link = one("custom_events", "date,name,link_url,path,events\n2024-01-01,Outbound Link: Click,https://a/,/b,3")
    assert (link["prop_keys"], link["prop_values"], link["events"]) == (["url"], ["https://a/"], 3)


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        pytest.param(b"", 1, "must name the columns", id="empty"),
        pytest.param(b"visitors\n1", 1, "date among them", id="no date"),
        pytest.param(b"date,visitors,visitors\n", 1, "each once", id="twice"),
        pytest.param(b"date,vistors\n", 1, "'vistors' is no column of visitors", id="unknown column"),
        pytest.param(b"date,visitors\n2024-01-01,1,2\n", 2, "has 3 values", id="too many values"),
        pytest.param(b"date,visitors\n2024-01-01\n", 2, "has 1 values", id="too few values"),
        pytest.param(b"date,visitors\n2024-01-01,1\n2024-02-30,1\n", 3, "date must be a date", id="no such day"),
        pytest.param(b"date,visitors\n01/02/2024,1\n", 2, "not '01/02/2024'", id="other date"),
        pytest.param(b"date,visitors\n1024-01-01,1\n", 2, "date must be", id="long ago"),
        pytest.param(b"date,visitors\n2024-01-01,-1\n", 2, "visitors must be a whole number", id="negative"),
        pytest.param(b"date,visitors\n2024-01-01,1.5\n", 2, "whole number", id="fraction"),
        pytest.param(b"date,visitors\n2024-01-01,1e3\n", 2, "whole number", id="exponent"),
        pytest.param("date,visitors\n2024-01-01,٣\n".encode(), 2, "whole number", id="other digits"),
        pytest.param(b"date,visitors\n2024-01-01,999999999999\n", 2, "at most 11 digits", id="too large"),
        pytest.param(b'date,visitors\n2024-01-01,"1\n', 2, "is not CSV", id="open quote"),
        pytest.param(b'date,visitors\n2024-01-01,"1"2\n', 2, "is not CSV", id="after the quote"),
        pytest.param(b"PK\x05\x06" + b"\0" * 18, 1, "is no column", id="empty zip"),
        pytest.param(b"{" * (MAX_LINE_BYTES + 1), 1, "has more than 65536 bytes", id="long first line"),
        pytest.param(b"date,visitors\n" + b"1" * 200_000, 2, "has more than 65536 bytes", id="long line"),
    ],
)
def test_line_that_cannot_be_taken_is_told_with_its_number(content: bytes, line: int, said: str) -> None:
    ((number, reason),) = refusals(content)
    assert number == line
    assert said in reason


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("pages", b"page\n2024-01-01,/\xff", "page is not UTF-8"),
        ("pages", b"page\n2024-01-01,/a\0b", "page must not hold null characters"),
        ("pages", b"page\n2024-01-01,/" + b"a" * 2000, "page must have at most 2000 bytes"),
        ("locations", b"country\n2024-01-01,Germany", "country must be an ISO 3166 code"),
        ("locations", b"region\n2024-01-01,Bavaria", "region must be an ISO 3166-2 code"),
        ("locations", b"city\n2024-01-01,4294967296", "city must be a number of GeoNames"),
        ("locations", b"city\n2024-01-01,Tartu", "city must be a whole number"),
        ("custom_events", b"name\n2024-01-01,pageview", "name must be that of a custom event"),
        ("custom_events", b"name\n2024-01-01, ", "name must be that of a custom event"),
    ],
)
def test_value_that_cannot_be_stored_is_refused(name: str, cells: bytes, said: str) -> None:
    ((line, reason),) = refusals(b"date," + cells, f"{name}_20240101_20240131.csv")
    assert line == 2
    assert said in reason


def test_refusals_stop_at_a_hundred_and_rows_of_other_dates_are_cut() -> None:
    assert len(refusals(b"date,visitors\n" + b"x,1\n" * 5000)) == 100
    with check(b"date,visitors\n2023-12-31,1\n2024-01-31,1\n2024-02-01,1\n") as totals:
        assert (totals.rows, totals.outside) == (1, 2)


def test_zip_is_read_like_its_files_and_known_by_its_rows() -> None:
    content = b"date,visitors\n2024-01-01,1\n"
    props = "imported_custom_props_20240101_20240131.csv"
    whole = zipped({f"site/{VISITORS}": content, props: b"?", "__MACOSX/._x": b"?", "../../etc/passwd": b"root"})
    with check(whole, "x.zip") as totals, check(content) as alone:
        assert totals.files == (f"site/{VISITORS}",)
        assert totals.skipped_files == ("__MACOSX/._x", "../../etc/passwd")
        assert (totals.rows, totals.digest) == (alone.rows, alone.digest)


def damaged(whole: bytes) -> bytes:
    middle = len(whole) // 3
    return whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]


BIG = b"date,visitors\n" + b"2024-01-01,1\n" * 2000


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"PK\x03\x04 and nothing more", id="magic only"),
        pytest.param(zipped({VISITORS: BIG})[:-30], id="cut"),
        pytest.param(damaged(zipped({VISITORS: BIG})), id="damaged"),
        pytest.param(zipped({"readme.txt": b"x"}), id="no totals"),
        pytest.param(zipped({VISITORS: b"", "imported_visitors_20240115_20240215.csv": b""}), id="overlapping files"),
        pytest.param(zipped({f"{number}.txt": b"" for number in range(201)}), id="too many files"),
        pytest.param(zipped({"imported_visitors_20240231_20240301.csv": b""}), id="odd name"),
    ],
)
def test_zip_that_cannot_be_taken_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest):
        check(content, "x.zip")


def test_zip_bombs_are_refused_before_they_unpack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals_files, "MAX_UNZIPPED_BYTES", 1_000_000)
    bomb = zipped({VISITORS: b"date,visitors\n" + b" " * 2_000_000})
    assert len(bomb) < 5000
    with pytest.raises(InvalidRequest, match="unpacks to more than"):
        check(bomb, "x.zip")
    # A size that lies is found out: nothing beyond it is unpacked, and the checksum does not fit.
    size = struct.pack("<I", 2_000_014)
    assert bomb.count(size) == 2
    with pytest.raises(InvalidRequest, match="cannot be read"):
        check(bomb.replace(size, struct.pack("<I", 14)), "x.zip")


def test_encrypted_zip_is_refused() -> None:
    whole = bytearray(zipped({VISITORS: b"date,visitors\n"}))
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InvalidRequest, match="encrypted"):
        check(bytes(whole), "x.zip")
