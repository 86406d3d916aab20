"""The bytes of the tracker script, for every name that it is asked for by."""

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

EXTENSIONS: Final = frozenset(
    {
        "hash",
        "outbound-links",
        "exclusions",
        "compat",
        "local",
        "manual",
        "file-downloads",
        "pageview-props",
        "tagged-events",
        "revenue",
        "pageleave",
    }
)
_MINIFIED: Final = Path(__file__).with_name("footfall.min.js").read_bytes()
_CONFIGURATION_SLOT: Final = b"(SITE);"
_SHARED_NAME: Final = re.compile(r"(?:script|plausible|analytics)((?:\.[a-z-]+)*)\.js")
_OWN_NAME: Final = re.compile(r"(pa-[A-Za-z0-9_-]{21})\.js")
_SITE_NAME: Final = re.compile(r"pa-([0-9a-z]{1,37})\.js")


@dataclass(frozen=True, slots=True)
class Script:
    """A script ready to be sent: plain and gzipped bytes and the ETag of each."""

    plain: bytes
    gzipped: bytes
    plain_etag: str
    gzipped_etag: str


def is_shared_name(file_name: str) -> bool:
    """Tell whether this is a name of the script for all sites.

    A name is `script`, `plausible` or `analytics`, then any of `EXTENSIONS` once, in any order, each after a dot, then
    `.js`. Source: event contract 6.1.
    """
    match = _SHARED_NAME.fullmatch(file_name)
    if match is None:
        return False
    extensions = match[1].split(".")[1:]
    return EXTENSIONS.issuperset(extensions) and len(set(extensions)) == len(extensions)


def script_id_in(file_name: str) -> str | None:
    """Return the id `pa-…` of the configured script that bears this name; None for any other name."""
    match = _OWN_NAME.fullmatch(file_name)
    return None if match is None else match[1]


def public_id_in(file_name: str) -> str | None:
    """Return the public id `ds_…` of the site whose own script bears this name; None for any other name."""
    match = _SITE_NAME.fullmatch(file_name)
    return None if match is None else f"ds_{match[1]}"


@lru_cache(maxsize=1)
def shared_script() -> Script:
    """Return the script that reads its switches from its own file name and from the attributes of its element."""
    return _script(b"0")


@lru_cache(maxsize=512)
def site_script(domain: str, endpoint: str, persistent_visitors: bool, switched_on: tuple[str, ...] = ()) -> Script:
    """Return the script with one site's configuration written in; it starts with `plausible.init()`.

    `switched_on` are names of the script's options that are on, such as `outboundLinks`; a page may say otherwise.
    The configuration is ASCII, since a script is read in the character set of the page that carries it. A page can
    switch persistent visitor ids on only if the site allows them. Source: event contract 3.3 and 6.1.
    """
    configuration: dict[str, object] = {"domain": domain, "endpoint": endpoint, **dict.fromkeys(switched_on, True)}
    if not persistent_visitors:
        configuration["fixed"] = {"persistentVisitor": False}
    return _script(json.dumps(configuration, separators=(",", ":")).encode())


def _script(configuration: bytes) -> Script:
    plain = _MINIFIED.replace(_CONFIGURATION_SLOT, b"(" + configuration + b");")
    digest = hashlib.sha256(plain).hexdigest()[:20]
    return Script(
        plain=plain,
        gzipped=gzip.compress(plain, compresslevel=9, mtime=0),
        plain_etag=f'"{digest}"',
        gzipped_etag=f'"{digest}-gzip"',
    )
