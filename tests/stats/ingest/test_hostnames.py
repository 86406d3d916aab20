import pytest

from stats.ingest.hostnames import root_domain


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a.foo.netlify.app", "foo.netlify.app", True),
        ("foo.netlify.app", "bar.netlify.app", False),
        ("192.168.0.1", "192.168.0.2", False),
        ("app.shop.example", "shop.example", True),
        ("shop.example", "shop-pay.example", False),
        ("x.github.io", "y.github.io", False),
    ],
)
def test_visitors_are_told_apart_by_registrable_domain(one: str, other: str, same: bool) -> None:
    assert (root_domain(one) == root_domain(other)) is same


@pytest.mark.parametrize(
    ("hostname", "root"),
    [
        ("shop.example", "shop.example"),
        ("deep.app.shop.co.uk", "shop.co.uk"),
        ("a.foo.netlify.app", "foo.netlify.app"),
        ("(none)", "(none)"),
        ("192.168.0.1", "192.168.0.1"),
        ("2001:db8::5", "2001:db8::5"),
        ("localhost", "localhost"),
        ("co.uk", "co.uk"),
        ("netlify.app", "netlify.app"),
        ("www.bücher.de", "bücher.de"),
        ("laden.东京.公司.cn", "东京.公司.cn"),
        ("..", ".."),
        ("a..b", "a..b"),
        ("\ud800.example", "\ud800.example"),
        ("x" * 300 + ".de", "x" * 300 + ".de"),
    ],
)
def test_root_domain(hostname: str, root: str) -> None:
    assert root_domain(hostname) == root
