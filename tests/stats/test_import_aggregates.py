"""`manage.py import_aggregates`: what it takes, what it says, and what it refuses with which line."""

import zipfile
from pathlib import Path

import pytest

from accounts.models import Site
from stats.models import TotalsImport
from stats.store.client import EventStore
from tests.factories import make_site
from tests.stats.erasing import refusal, run, text_of

pytestmark = pytest.mark.django_db

VISITORS = "imported_visitors_20240101_20240131.csv"
PAGES = "imported_pages_20240101_20240131.csv"


@pytest.fixture
def site(store: EventStore) -> Site:
    return make_site()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An export, unpacked, with a file that is none."""
    (tmp_path / VISITORS).write_text("date,visitors,pageviews\n2024-01-01,3,5\n2024-01-02,1,1\n")
    (tmp_path / PAGES).write_text("date,page,visitors,pageviews\n2024-01-01,/,3,5\n")
    (tmp_path / "notes.txt").write_text("not mine")
    return tmp_path


def test_directory_zip_and_files_come_to_the_same(site: Site, folder: Path, tmp_path: Path) -> None:
    tried = run("import_aggregates", str(folder), "--site", site.domain, "--dry-run")
    expected = {
        **{"dry_run": True, "repeated": False, "import_id": None, "imported": 3, "cut": 0},
        **{"first_date": "2024-01-01", "last_date": "2024-01-02", "files": [PAGES, VISITORS], "skipped_files": []},
    }
    assert (tried, TotalsImport.objects.count()) == (expected, 0)
    done = run("import_aggregates", str(folder), "--site", site.public_id)
    assert done == {**expected, "dry_run": False, "import_id": TotalsImport.objects.get().pk}
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for name in (VISITORS, PAGES):
            archive.write(folder / name, f"shop_example/{name}")
    again = run("import_aggregates", str(tmp_path / "export.zip"), "--site", site.domain)
    assert (again["repeated"], again["import_id"]) == (True, done["import_id"])
    said = text_of("import_aggregates", str(folder / VISITORS), str(folder / PAGES), "--site", site.domain)
    assert said.endswith("These rows had been imported before; nothing was added.\n")


def test_people_are_told_what_was_imported(site: Site, folder: Path) -> None:
    said = text_of("import_aggregates", str(folder), "--site", site.domain)
    assert "Imported 3 rows, 2024-01-01 to 2024-01-02; 0 rows are on other days and left out." in said


def test_every_refused_line_is_told_and_nothing_is_imported(site: Site, folder: Path) -> None:
    (folder / VISITORS).write_text("date,visitors\n2024-01-01,x\n2024-01-02,1\nyesterday,1\n" + "0,0\n" * 30)
    said = refusal("import_aggregates", str(folder), "--site", site.domain)
    assert f"{VISITORS}, line 2: visitors must be a whole number" in said
    assert f"{VISITORS}, line 4: date must be a date" in said
    assert "and 12 more" in said
    assert refusal("import_aggregates", str(folder), "--site", site.domain, "--dry-run") == said
    assert not TotalsImport.objects.exists()


def test_what_is_not_there_is_said(site: Site, folder: Path) -> None:
    assert "no site" in refusal("import_aggregates", str(folder), "--site", "nowhere.example")
    assert "No such file" in refusal("import_aggregates", str(folder / "no.csv"), "--site", site.domain)
    assert "no file of daily totals" in refusal("import_aggregates", str(folder / "notes.txt"), "--site", site.domain)
    assert "go together" in refusal("import_aggregates", str(folder), "--site", site.domain, "--url", "http://x")
