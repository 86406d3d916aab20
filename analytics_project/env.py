"""Typed readers of environment variables; a bad value stops the start and names the variable."""

import os
from collections.abc import Collection
from pathlib import Path


class BadSetting(SystemExit):
    """A setting that cannot be used; ends the process with a sentence instead of a traceback."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Footfall cannot start: {name} {problem}")


def text(name: str, default: str = "") -> str:
    """Return the variable's text without surrounding blanks; empty counts as absent."""
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool) -> bool:
    """Return a yes/no variable. Raises: BadSetting for any other word."""
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise BadSetting(name, f"is {value!r}; use true or false")


def integer(name: str, default: int, *, at_least: int = 0) -> int:
    """Return a whole number. Raises: BadSetting for anything else or below `at_least`."""
    value = text(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise BadSetting(name, f"is {value!r}; it must be a whole number") from None
    if number < at_least:
        raise BadSetting(name, f"is {number}; it must be at least {at_least}")
    return number


def path(name: str, default: Path | None = None) -> Path | None:
    """Return a file system path, or the default."""
    value = text(name)
    return Path(value).expanduser().resolve() if value else default


def directory(name: str, default: Path) -> Path:
    """Return a directory that exists, made for its owner only when it did not. Raises: BadSetting when it cannot be."""
    value = path(name, default) or default
    try:
        value.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise BadSetting(name, f"names {value}, which cannot be made: {problem.strerror}") from problem
    return value


def choice(name: str, default: str, allowed: Collection[str]) -> str:
    """Return one of the allowed words, in capitals. Raises: BadSetting for any other."""
    value = text(name, default).upper()
    if value not in allowed:
        raise BadSetting(name, f"is {value!r}; use one of {', '.join(allowed)}")
    return value


def url(name: str, default: str, schemes: Collection[str]) -> str:
    """Return a URL of one of the schemes. Raises: BadSetting, without the value, which may hold a password."""
    value = text(name)
    if not value:
        return default
    if value.partition("://")[0] not in schemes or "://" not in value:
        raise BadSetting(name, f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return value


def words(name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the parts of a comma-separated variable, trimmed, without empty ones."""
    value = text(name)
    return tuple(part.strip() for part in value.split(",") if part.strip()) if value else default


def memory_mb() -> int:
    """Return the megabytes that this process may use: the machine's, or its container's where that is less."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    allowed = limit.read_text().strip() if limit.is_file() else "max"
    return min(installed, int(allowed) if allowed.isdigit() else installed) // 1_000_000
