"""What the tests of commands that delete need: events of a site, how many are left, and a command's one object."""

import io
import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Site
from accounts.selectors import site_ref
from stats.import_services import import_events
from stats.store.client import EventStore


def fill(store: EventStore, site: Site, *moments: str, visitor: str = "ann") -> None:
    """Import a pageview of a visitor for each instant."""
    lines = [json.dumps({"timestamp": at, "visitor_id": visitor}) for at in moments]
    assert import_events(store, site_ref(site), io.BytesIO("\n".join(lines).encode())).imported == len(moments)


def events(store: EventStore, site_id: int) -> int:
    """Return how many events of a site the store has."""
    rows = store.read_rows("SELECT count() AS n FROM events WHERE site_id = {id:UInt32}", {"id": site_id}, tag="test")
    return int(rows[0]["n"])


def run(command: str, *arguments: str) -> dict[str, Any]:
    """Run a command with --json, which prints one object on one line."""
    out = io.StringIO()
    call_command(command, *arguments, "--json", stdout=out)
    (line,) = out.getvalue().splitlines()
    result: dict[str, Any] = json.loads(line)
    return result


def text_of(command: str, *arguments: str) -> str:
    """Run a command and return what it prints for people."""
    out = io.StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def refusal(command: str, *arguments: str) -> str:
    """Run a command that is refused and return the sentence."""
    with pytest.raises(CommandError) as refused:
        call_command(command, *arguments, stdout=io.StringIO())
    return str(refused.value)
