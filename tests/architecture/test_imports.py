"""The layer rule: a module imports lower layers of any app, and its own layer as far as the apps' order allows.

Imports inside functions count like any other. Every module has a layer; a new one without a row here fails the test.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# On one layer an app may import those to its left.
APPS = ("analytics_project", "accounts", "stats", "goals", "revenue")


class Layer(IntEnum):
    LEAF = 0
    RECORDS = 1
    STORE = 2
    ENGINES = 3
    SERVICES = 4
    EDGES = 5
    ROOT = 6


# The first pattern that fits decides.
LAYERS: tuple[tuple[str, Layer], ...] = (
    ("manage", Layer.ROOT),
    ("analytics_project.errors", Layer.LEAF),
    ("analytics_project.clock", Layer.LEAF),
    ("analytics_project.env", Layer.LEAF),
    ("analytics_project.turns", Layer.LEAF),
    ("analytics_project.background", Layer.LEAF),
    ("analytics_project.api", Layer.EDGES),
    ("analytics_project.views", Layer.EDGES),
    ("analytics_project.documentation", Layer.EDGES),
    ("analytics_project.openapi", Layer.ROOT),
    ("analytics_project.settings", Layer.ROOT),
    ("analytics_project.error_reports", Layer.ROOT),
    ("analytics_project.urls", Layer.ROOT),
    ("analytics_project.asgi", Layer.ROOT),
    ("analytics_project.checks", Layer.ROOT),
    ("*.apps", Layer.ROOT),
    ("*.migrations.[0-9]*", Layer.RECORDS),
    ("*.types", Layer.LEAF),
    ("accounts.keys", Layer.LEAF),
    ("accounts.validators", Layer.RECORDS),
    ("accounts.records", Layer.SERVICES),
    ("accounts.request_counters", Layer.ENGINES),
    ("*.models", Layer.RECORDS),
    ("*.models.*", Layer.RECORDS),
    ("*.selectors", Layer.RECORDS),
    ("*.*_selectors", Layer.RECORDS),
    ("stats.store.*", Layer.STORE),
    ("stats.ingest.views", Layer.EDGES),
    ("stats.ingest.*", Layer.ENGINES),
    ("stats.tracker.views", Layer.EDGES),
    ("stats.tracker.urls", Layer.EDGES),
    ("stats.tracker.*", Layer.ENGINES),
    ("stats.query.parse_filters", Layer.LEAF),
    ("stats.query.*", Layer.ENGINES),
    ("stats.sample_traffic", Layer.ENGINES),
    ("*.*_services", Layer.SERVICES),
    ("accounts.invitation_view", Layer.EDGES),
    ("stats.housekeeping", Layer.SERVICES),
    ("revenue.rates", Layer.ENGINES),
    ("revenue.sealing", Layer.ENGINES),
    ("revenue.providers.*", Layer.ENGINES),
    ("revenue.webhook_worker", Layer.SERVICES),
    ("revenue.coverage", Layer.ENGINES),
    ("revenue.published_rates", Layer.ENGINES),
    ("revenue.reports", Layer.SERVICES),
    ("*.services", Layer.SERVICES),
    ("*.api.*", Layer.EDGES),
    ("*.dashboard.*", Layer.EDGES),
    ("*.management.commands.*", Layer.EDGES),
    ("accounts.admin_site", Layer.EDGES),
    ("accounts.login_form", Layer.EDGES),
    ("*.admin", Layer.EDGES),
    ("*.admin.*", Layer.EDGES),
)
REACH: dict[Layer, frozenset[Layer]] = {
    Layer.LEAF: frozenset({Layer.LEAF}),
    Layer.RECORDS: frozenset({Layer.LEAF, Layer.RECORDS}),
    Layer.STORE: frozenset({Layer.LEAF, Layer.STORE}),
    Layer.ENGINES: frozenset({Layer.LEAF, Layer.STORE, Layer.ENGINES}),
    Layer.SERVICES: frozenset(Layer) - {Layer.EDGES, Layer.ROOT},
    Layer.EDGES: frozenset(Layer) - {Layer.STORE, Layer.ROOT},
    Layer.ROOT: frozenset(Layer),
}
# What a layer may not import from outside the project; a leaf may import the standard library only.
FOREIGN: dict[Layer, tuple[str, ...]] = {
    Layer.RECORDS: ("rest_framework", "clickhouse_connect", "chdb"),
    Layer.STORE: ("django", "rest_framework", "uvicorn"),
    Layer.ENGINES: ("django", "rest_framework", "uvicorn", "clickhouse_connect", "chdb"),
    Layer.SERVICES: ("rest_framework", "django.http", "uvicorn", "clickhouse_connect", "chdb"),
    Layer.EDGES: ("clickhouse_connect", "chdb"),
}
DATA_PACKAGES = ("iso4217",)  # a leaf may import them: constants, no behaviour
GATHERING_PACKAGES = {"accounts.admin", "accounts.models"}  # Django finds what is in them by importing the package
RECORDS_AT_AN_EDGE: dict[str, str] = {
    "accounts.admin_site": "the user of a request is a User",
    "accounts.login_form": "who has logged in is a User",
    "accounts.api.authentication": "the user of a request is a User",
}


@dataclass(frozen=True, slots=True)
class Import:
    module: str
    line: int


def layer_of(module: str) -> Layer | None:
    return next((layer for pattern, layer in LAYERS if fnmatchcase(module, pattern)), None)


def module_files() -> dict[str, Path]:
    """Return the file of every module of the project, packages under their own name."""
    files = {"manage": ROOT / "manage.py"}
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


FILES = module_files()
PACKAGES = {module for module, path in FILES.items() if path.name == "__init__.py"}


def imports_of(source: str, module: str, known: Iterable[str], *, is_package: bool = False) -> Iterator[Import]:
    """Yield every module that the source imports, at any depth, as far down as a name is itself a known module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".") if is_package else module.split(".")[:-1]
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(inner if inner in known else base, node.lineno)


def problem_with(module: str, target: str) -> str | None:
    """Return why `module` may not import `target`, or None."""
    layer = layer_of(module)
    assert layer is not None
    app, target_app = module.partition(".")[0], target.partition(".")[0]
    if target_app not in APPS:
        return _foreign_problem(module, layer, target)
    target_layer = layer_of(f"{target}.__init__" if target in PACKAGES else target)
    if target_layer is None:
        return "should name a module that has a layer"
    is_command = ".management.commands." in module
    if target_layer not in REACH[layer] and not (is_command and target_layer is Layer.STORE):
        return f"is {layer.name}, which may not reach {target_layer.name}"
    if target_layer is layer and APPS.index(target_app) > APPS.index(app):
        return f"is in {app}, which comes before {target_app}"
    is_admin = module.endswith(".admin") or ".admin." in module
    if layer is Layer.EDGES and _are_records(target) and not (is_command or is_admin):
        return None if module in RECORDS_AT_AN_EDGE else "is an edge: it asks selectors and services, not models"
    return None


def _are_records(target: str) -> bool:
    return target.endswith(".models") or ".models." in target


def _foreign_problem(module: str, layer: Layer, target: str) -> str | None:
    top = target.partition(".")[0]
    if layer is Layer.LEAF:
        return (
            None if top in (*sys.stdlib_module_names, *DATA_PACKAGES) else "is LEAF: standard library and leaves only"
        )
    if any(target == name or target.startswith(f"{name}.") for name in FOREIGN.get(layer, ())):
        return f"is {layer.name}, which does not know {top}"
    return None


def test_every_module_has_a_layer() -> None:
    assert [module for module in FILES if module not in PACKAGES and layer_of(module) is None] == []


def test_layer_patterns_all_fit_a_module_or_a_planned_one() -> None:
    planned = {"*.dashboard.*", "revenue.reports"}
    decided = {
        next(pattern for pattern, _ in LAYERS if fnmatchcase(module, pattern))
        for module in FILES
        if layer_of(module) is not None
    }
    assert {pattern for pattern, _ in LAYERS} - decided - planned == set()


def test_packages_import_nothing_or_their_own_modules() -> None:
    found = [
        f"{module}:{one.line} imports {one.module}"
        for module in sorted(PACKAGES)
        for one in imports_of(FILES[module].read_text(), module, FILES, is_package=True)
        if not (module in GATHERING_PACKAGES and one.module.startswith(f"{module}."))
    ]
    assert found == []


def test_imports_follow_the_layers() -> None:
    found = []
    for module, path in FILES.items():
        if module in PACKAGES or layer_of(module) is None:
            continue
        for one in imports_of(path.read_text(), module, FILES):
            problem = problem_with(module, one.module)
            if problem:
                found.append(f"{path.relative_to(ROOT)}:{one.line} imports {one.module}: {module} {problem}")
    assert found == []


def test_exceptions_are_still_needed() -> None:
    used = {
        module
        for module in RECORDS_AT_AN_EDGE
        if any(_are_records(one.module) for one in imports_of(FILES[module].read_text(), module, FILES))
    }
    assert used == set(RECORDS_AT_AN_EDGE)


@pytest.mark.parametrize(
    ("module", "target"),
    [
        pytest.param("stats.types", "django.db", id="leaf-to-framework"),
        pytest.param("stats.types", "stats.selectors", id="leaf-up"),
        pytest.param("accounts.models.sites", "accounts.services", id="record-to-service"),
        pytest.param("accounts.selectors", "goals.selectors", id="record-of-a-later-app"),
        pytest.param("stats.store.client", "stats.models", id="store-to-orm"),
        pytest.param("stats.store.client", "django.conf", id="store-to-django"),
        pytest.param("stats.ingest.writer", "accounts.selectors", id="engine-to-orm"),
        pytest.param("stats.ingest.collector", "revenue.rates", id="engine-of-a-later-app"),
        pytest.param("stats.services", "stats.ingest.views", id="service-to-edge"),
        pytest.param("stats.ingest.views", "stats.store.client", id="edge-to-store"),
        pytest.param("stats.ingest.views", "stats.store", id="edge-to-store-package"),
        pytest.param("stats.api.health", "stats.models", id="edge-to-records"),
        pytest.param("stats.api.health", "accounts.models", id="edge-to-a-package-of-records"),
        pytest.param("stats.api.health", "accounts.models.sites", id="edge-into-a-package-of-records"),
        pytest.param("stats.management.commands.serve", "analytics_project.asgi", id="command-to-root"),
        pytest.param("stats.services", "analytics_project.settings", id="service-to-settings"),
        pytest.param("stats.services", "stats", id="whole-app"),
    ],
)
def test_import_against_the_layers_is_found(module: str, target: str) -> None:
    assert problem_with(module, target)


@pytest.mark.parametrize(
    ("module", "target"),
    [
        pytest.param("stats.ingest.writer", "stats.store.schema", id="engine-to-store"),
        pytest.param("stats.services", "goals.selectors", id="service-to-records-of-a-later-app"),
        pytest.param("goals.models", "accounts.models", id="record-of-an-earlier-app"),
        pytest.param("stats.management.commands.serve", "stats.store.migrations", id="command-to-store"),
        pytest.param("accounts.admin", "accounts.models", id="admin-to-records"),
    ],
)
def test_import_along_the_layers_is_allowed(module: str, target: str) -> None:
    assert problem_with(module, target) is None


def test_imports_are_seen_at_any_depth_and_in_any_form() -> None:
    source = (
        "import stats.store.client\n"
        "def later():\n"
        "    from stats.ingest import geo\n"
        "    from . import models\n"
        "    from .ingest.spool import Spool\n"
        "if TYPE_CHECKING:\n"
        "    from goals.models import Goal\n"
    )
    known = {"stats.ingest.geo", "stats.models", "stats.ingest.spool", "goals.models"}
    assert [one.module for one in imports_of(source, "stats.services", known)] == [
        "stats.store.client",
        "stats.ingest.geo",
        "stats.models",
        "stats.ingest.spool",
        "goals.models",
    ]
