import pytest

from analytics_project.errors import StoreUnavailable
from stats.ingest.sites import FORGET_UNKNOWN_AFTER_S, REFRESH_AFTER_S, UNLOADED, SiteDirectory
from stats.types import IntakeSite
from tests.live_path import intake_site


class RelationalStore:
    """What the directory asks; counts the questions and can be switched off."""

    def __init__(self, *sites: IntakeSite) -> None:
        self.sites = {site.ref.domain: site for site in sites}
        self.asked: list[str] = []
        self.is_down = False

    def load(self, domain: str) -> IntakeSite | None:
        self.asked.append(domain)
        if self.is_down:
            raise StoreUnavailable("down")
        return self.sites.get(domain)


@pytest.fixture
def shop() -> IntakeSite:
    return intake_site("shop.example")


def test_known_site_is_asked_for_once_a_minute(shop: IntakeSite) -> None:
    store = RelationalStore(shop)
    directory = SiteDirectory(store.load)
    assert directory.lookup("shop.example", 0) is UNLOADED
    directory.load("shop.example", 0)
    assert directory.lookup("shop.example", REFRESH_AFTER_S) is shop
    assert directory.lookup("shop.example", REFRESH_AFTER_S + 1) is UNLOADED
    assert store.asked == ["shop.example"]


def test_unknown_domain_is_forgotten_after_two_seconds(shop: IntakeSite) -> None:
    store = RelationalStore()
    directory = SiteDirectory(store.load)
    directory.load("shop.example", 0)
    assert directory.lookup("shop.example", FORGET_UNKNOWN_AFTER_S) is None
    assert directory.lookup("shop.example", FORGET_UNKNOWN_AFTER_S + 1) is UNLOADED
    store.sites["shop.example"] = shop
    directory.load("shop.example", 3)
    assert directory.lookup("shop.example", 3) is shop


def test_change_of_any_site_asks_again(shop: IntakeSite) -> None:
    directory = SiteDirectory(RelationalStore(shop).load)
    directory.load("shop.example", 0)
    directory.expire()
    assert directory.lookup("shop.example", 0) is UNLOADED


def test_known_site_stays_while_the_store_is_down(shop: IntakeSite) -> None:
    store = RelationalStore(shop)
    directory = SiteDirectory(store.load)
    directory.load("shop.example", 0)
    directory.expire()
    store.is_down = True
    directory.load("shop.example", 100)
    assert directory.lookup("shop.example", 100) is shop
    with pytest.raises(StoreUnavailable):
        directory.load("new.example", 100)


@pytest.mark.parametrize("domain", ["", "x" * 254], ids=["empty", "too long"])
def test_impossible_domain_never_reaches_the_store(domain: str) -> None:
    store = RelationalStore()
    directory = SiteDirectory(store.load)
    assert directory.lookup(domain, 0) is None
    assert store.asked == []


def test_site_that_another_request_loads_at_a_later_second_is_still_known(shop: IntakeSite) -> None:
    directory = SiteDirectory(RelationalStore(shop).load)
    assert directory.last_known("shop.example") is None
    directory.load("shop.example", 11)
    assert directory.lookup("shop.example", 10) is UNLOADED
    assert directory.last_known("shop.example") is shop


def test_flood_of_unknown_domains_keeps_known_sites_and_bounded_memory(
    shop: IntakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stats.ingest.sites.MOST_ENTRIES", 10)
    directory = SiteDirectory(RelationalStore(shop).load)
    directory.load("shop.example", 0)
    for number in range(100):
        directory.load(f"{number}.example", 0)
    assert directory.lookup("shop.example", 0) is shop
    assert directory.lookup("0.example", 0) is UNLOADED
