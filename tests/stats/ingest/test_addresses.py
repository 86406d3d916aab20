import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.ingest.addresses import TrustedProxies, canonical_address, client_address

PEER = "203.0.113.9"


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        pytest.param(
            {b"x-plausible-ip": b"198.51.100.7", b"cf-connecting-ip": b"192.0.2.1", b"x-forwarded-for": b"192.0.2.2"},
            "198.51.100.7",
            id="plausible-ip-beats-all",
        ),
        pytest.param({b"x-forwarded-for": b"[2001:db8::5]:443, 10.0.0.1"}, "2001:db8::5", id="leftmost-with-port"),
        pytest.param(
            {b"forwarded": b'by=10.0.0.1;for="[2001:db8::6]:80";proto=https'}, "2001:db8::6", id="forwarded-quoted"
        ),
        pytest.param({b"forwarded": b"For=192.0.2.43, for=198.51.100.17"}, "192.0.2.43", id="forwarded-first-for"),
        pytest.param({b"forwarded": b"for=_hidden"}, PEER, id="forwarded-obfuscated"),
        pytest.param({b"b-forwarded-for": b"192.0.2.3, 10.0.0.1"}, "192.0.2.3", id="b-forwarded-for"),
        pytest.param(
            {b"cf-connecting-ip": b"192.0.2.1", b"b-forwarded-for": b"192.0.2.3"}, "192.0.2.1", id="cloudflare-next"
        ),
        pytest.param(
            {b"b-forwarded-for": b"192.0.2.3", b"x-forwarded-for": b"192.0.2.2"}, "192.0.2.3", id="b-before-x"
        ),
        pytest.param({b"x-forwarded-for": b"192.0.2.2", b"forwarded": b"for=192.0.2.4"}, "192.0.2.2", id="x-before-f"),
        pytest.param({b"x-plausible-ip": b"", b"x-forwarded-for": b"192.0.2.2"}, "192.0.2.2", id="empty-is-absent"),
        pytest.param({b"x-plausible-ip": b"unknown", b"x-forwarded-for": b"192.0.2.2"}, "192.0.2.2", id="junk-is-next"),
        pytest.param({b"x-forwarded-for": b"1.2.3.4:5"}, "1.2.3.4", id="ipv4-port"),
        pytest.param({b"x-forwarded-for": b" 1.2.3.4 , 5.6.7.8"}, "1.2.3.4", id="trimmed"),
        pytest.param({b"x-forwarded-for": b"2001:0DB8:0:0::0005"}, "2001:db8::5", id="ipv6-compressed"),
        pytest.param({b"x-forwarded-for": b"::ffff:192.0.2.9"}, "192.0.2.9", id="mapped-unwrapped"),
        pytest.param({b"x-forwarded-for": b"fe80::1%eth0"}, "fe80::1", id="zone-dropped"),
        pytest.param({b"x-forwarded-for": b"999.1.1.1"}, PEER, id="no-address"),
        pytest.param({b"x-forwarded-for": b"\xff\xfe" * 5000}, PEER, id="long-junk"),
        pytest.param({}, PEER, id="peer"),
    ],
)
def test_address_comes_from_the_first_source_that_holds_one(headers: dict[bytes, bytes], address: str) -> None:
    assert client_address(headers, PEER, True) == address


def test_headers_of_an_untrusted_peer_are_not_read() -> None:
    headers = {b"x-forwarded-for": b"192.0.2.2"}

    assert client_address(headers, PEER, False) == PEER
    assert client_address(headers, "", False) == ""


@pytest.mark.parametrize(("networks", "peer", "trusted"), [
    ([], "198.51.100.1", True),
    ([], "", True),
    (["10.0.0.0/8"], "10.1.2.3", True),
    (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
    (["10.0.0.0/8"], "198.51.100.1", False),
    (["10.0.0.0/8"], "", False),
    (["2001:db8::/32", "192.0.2.1"], "2001:db8::9", True),
    (["2001:db8::/32", "192.0.2.1"], "192.0.2.1", True),
    (["2001:db8::/32", "192.0.2.1"], "192.0.2.2", False),
])  # fmt: skip
def test_proxies_are_trusted_by_network(networks: list[str], peer: str, trusted: bool) -> None:
    assert TrustedProxies(networks).trusts(peer) is trusted


def test_a_bad_network_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        TrustedProxies(["10.0.0.0/99"])


@given(st.text(max_size=80) | st.text(alphabet="0123456789abcdef:.%[]", max_size=50))
def test_canonical_text_is_stable(text: str) -> None:
    address = canonical_address(text)

    assert canonical_address(address) == address
