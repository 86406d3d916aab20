"""The client's address out of headers and socket, in one canonical spelling (event contract 1.2 and 3.2)."""

import re
import socket
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_FORWARDED_FOR = re.compile(r'(?:^|[;,\s])for=(?:"([^"]*)"|([^";,\s]*))', re.IGNORECASE)
_LONGEST_ADDRESS = 64  # with brackets, zone and port; anything longer is no address


def canonical_address(text: str) -> str:
    """Return an address in canonical text, or an empty text when it is none.

    IPv6 is compressed and without zone, IPv4 mapped into IPv6 comes back as IPv4. Ports are not taken here.
    """
    if not text or len(text) > _LONGEST_ADDRESS:
        return ""
    if ":" not in text:
        try:
            socket.inet_pton(socket.AF_INET, text)
        except (OSError, ValueError):
            return ""
        return text
    return _canonical_ipv6(text)


@lru_cache(maxsize=10_000)
def _canonical_ipv6(text: str) -> str:
    try:
        address = IPv6Address(text.partition("%")[0])
    except AddressValueError:
        return ""
    return str(address.ipv4_mapped or address)


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    if text.count(":") == 1:
        return text.partition(":")[0]
    return text


def _first_of_list(value: str) -> str:
    return value.partition(",")[0].strip()


def _first_forwarded(value: str) -> str:
    match = _FORWARDED_FOR.search(value)
    return (match.group(1) or match.group(2) or "").strip() if match else ""


_SOURCES = (
    (b"x-plausible-ip", str.strip),
    (b"cf-connecting-ip", str.strip),
    (b"b-forwarded-for", _first_of_list),
    (b"x-forwarded-for", _first_of_list),
    (b"forwarded", _first_forwarded),
)


def client_address(headers: Mapping[bytes, bytes], peer: str, trusts_headers: bool) -> str:
    """Return the client's address in canonical text, or an empty text when no source holds one.

    `headers` has lower-case names and the first instance of each; `peer` is the address of the socket. A source whose
    text is no address is passed over for the next. Source: event contract 1.2.
    """
    if trusts_headers:
        for name, pick in _SOURCES:
            value = headers.get(name)
            if value and (address := canonical_address(_without_port(pick(value.decode("latin-1"))))):
                return address
    return canonical_address(_without_port(peer))


class TrustedProxies:
    """The networks whose forwarding headers are believed; with none named, everybody's are."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Take networks or single addresses. Raises: ValueError naming the text that is neither."""
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(text, False) for text in networks)

    def trusts(self, peer: str) -> bool:
        """Tell whether the socket's peer may speak for a client."""
        if not self._networks:
            return True
        text = canonical_address(_without_port(peer))
        if not text:
            return False
        address = ip_address(text)
        return any(address in network for network in self._networks)
