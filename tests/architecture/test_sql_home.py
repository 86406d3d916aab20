"""SQL text has one home: the event store and some modules of the query engine."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("analytics_project", "accounts", "stats", "goals", "revenue")
HOME = (
    "stats/store/",
    "stats/query/metrics.py",
    "stats/query/dimensions.py",
    "stats/query/compile.py",
    "stats/query/compile_filters.py",
    "stats/query/compile_completions.py",
    "stats/query/funnels.py",
    "stats/query/journeys.py",
    "stats/query/visitor_journey.py",
    "stats/query/retention.py",
    "stats/query/compile_imports.py",
    "stats/query/cities.py",
    "stats/query/identities.py",
    "stats/query/money/compile.py",
    "stats/query/money/compile_attribution.py",
    "stats/query/money/compile_cohorts.py",
    "stats/query/money/compile_credited.py",
    "stats/query/money/compile_customers.py",
    "stats/query/money/compile_shares.py",
    "stats/query/money/compile_touches.py",
)
# Statements of other dialects, for the relational store: the reason stands beside each.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "stats/services.py": ("SELECT 1",),  # the sign of life of the relational store, in any dialect
}
STATEMENT = re.compile(
    r"\b(SELECT\s|INSERT\s+INTO\s|DELETE\s+FROM\s|UPDATE\s+\w+\s+SET\s|"
    r"(ALTER|CREATE|DROP|TRUNCATE|OPTIMIZE|RENAME)\s+(TABLE|VIEW|DATABASE|INDEX)\s|GROUP\s+BY\s|ORDER\s+BY\s|UNION\s+ALL\b)"
)


def sql_texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string constant that holds SQL; docstrings are prose and do not count."""
    tree = ast.parse(source)
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in prose
            and STATEMENT.search(node.value)
        ):
            yield node.lineno, node.value


def test_sql_stands_in_its_home_only() -> None:
    found = []
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(HOME):
                found += [
                    f"{name}:{line}: {text[:60]}"
                    for line, text in sql_texts(path.read_text())
                    if text not in ELSEWHERE.get(name, ())
                ]
    assert found == []


def test_sql_files_stand_in_the_store_only() -> None:
    files = [path.relative_to(ROOT).as_posix() for app in APPS for path in (ROOT / app).rglob("*.sql")]
    assert files
    assert [name for name in files if not name.startswith("stats/store/")] == []


@pytest.mark.parametrize(
    "source",
    [
        'text = "SELECT count() FROM events"',
        'text = f"SELECT {expression} FROM events"',
        'text = """\n  INSERT INTO events (site_id) VALUES"""',
        'run("ALTER TABLE events DELETE WHERE 1")',
        'parts = [f" GROUP BY {names}"]',
    ],
)
def test_sql_is_recognised(source: str) -> None:
    assert list(sql_texts(source))


@pytest.mark.parametrize(
    "source",
    ['"""SELECT count() FROM events."""', 'text = "select a site"', 'text = "Delete from the list"', 'x = "ORDER"'],
)
def test_prose_is_not_taken_for_sql(source: str) -> None:
    assert not list(sql_texts(source))
