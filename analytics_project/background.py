"""What goes on by itself in the serving process, and which of it an error that nobody foresaw has ended.

Such a part is not begun again: health says so, and whoever watches the process restarts it.
"""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

_ended: dict[str, None] = {}


def background_thread(name: str, work: Callable[[], None]) -> threading.Thread:
    """Return a daemon thread, not started yet, that `ended_parts` names once `work` has raised."""

    def run() -> None:
        returned = False
        try:
            work()
            returned = True
        finally:
            if not returned:
                note_end(name)

    _ended.pop(name, None)
    return threading.Thread(target=run, name=name, daemon=True)


def note_end(name: str) -> None:
    """Remember that a part has ended which should not have."""
    _ended[name] = None
    logger.error("%s has ended by an error; restart the server", name)


def ended_parts() -> tuple[str, ...]:
    """Return the names of the parts that an error has ended, the first one first."""
    return tuple(_ended)
