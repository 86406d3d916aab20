"""The README's settings table and the environment variables that the settings read are the same."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([A-Z][A-Z0-9_]*)` \|", re.MULTILINE)


def variables_read(source: str) -> set[str]:
    """Return the first argument of every call of a reader of `analytics_project.env`."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def settings_source() -> str:
    return (ROOT / "analytics_project" / "settings.py").read_text()


def test_settings_table_has_a_row_for_every_variable_and_no_other() -> None:
    documented = ROW.findall((ROOT / "README.md").read_text())
    assert sorted(documented) == sorted(variables_read(settings_source()))


def test_variables_are_found_in_the_settings() -> None:
    assert {"DATA_DIR", "SECRET_KEY", "DEBUG", "SPOOL_SYNC_MS", "TRUSTED_PROXIES"} <= variables_read(settings_source())


def test_environment_is_read_through_its_one_reader() -> None:
    """Nothing but `env` touches os.environ, so that every variable is in the settings and in the table."""
    allowed = {"analytics_project/env.py", "analytics_project/asgi.py"}  # the second names the settings module
    found = {
        path.relative_to(ROOT).as_posix()
        for app in ("analytics_project", "accounts", "stats", "goals", "revenue")
        for path in (ROOT / app).rglob("*.py")
        if re.search(r"\bos\.(environ|getenv)\b|from os import .*\b(environ|getenv)\b", path.read_text())
    }
    assert found == allowed
