"""Events that say which user their visitor is (event contract 3.3; revenue contract 3.2)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import time_machine

from accounts.types import SiteRef
from stats.ingest.spool import Spool
from stats.ingest.visitor import caller_visitor_id
from stats.store.client import EventStore
from stats.types import IntakeSite
from tests.live_path import LivePath, intake_site

NOON = "2026-03-02T12:00:00Z"
SECRET = b"secret of the site"
V1, V2 = "v_00000000000000a1", "v_00000000000000a2"
KEY = {"Authorization": "Bearer key of known.example"}


@pytest.fixture
def live(store: EventStore, tmp_path: Path) -> Iterator[LivePath]:
    with time_machine.travel(NOON, tick=False):
        opened = LivePath(store, tmp_path)
        yield opened
        opened.stop()


@pytest.fixture
def site(live: LivePath) -> IntakeSite:
    made = intake_site("known.example", persistent_visitors=True, caller_id_secret=SECRET)
    live.add(made)
    return made


def event(name: str = "pageview", **fields: Any) -> dict[str, Any]:
    return {"n": name, "u": "https://known.example/", "d": "known.example", **fields}


def user(text: str) -> int:
    return caller_visitor_id(SECRET, text)


def identities(live: LivePath, site: IntakeSite) -> dict[int, int]:
    """Return the users of a site by their visitors."""
    rows = live._rows("identities FINAL", site, "visitor_id")
    return {row["visitor_id"]: row["user_id"] for row in rows}


def test_user_beside_a_persistent_id_is_kept_as_a_number_of_the_backends_own_id(
    live: LivePath, site: IntakeSite
) -> None:
    assert live.post(event(vid=V1, uid="u42")).status == 202
    assert live.post(event(vid=V2, user_id=" u42 ")).status == 202
    own = live.post(event("Order", user_id="u42"), KEY, query="return=visitor").json["visitor_id"]

    assert identities(live, site) == {0xA1: user("u42"), 0xA2: user("u42")}
    assert own == f"v_{user('u42'):016x}"
    assert all("u42" not in str(row) for table in ("events", "sessions") for row in live._rows(table, site, "1"))


def test_short_key_goes_before_the_long_one_and_whole_numbers_are_their_digits(
    live: LivePath, site: IntakeSite
) -> None:
    live.post(event(vid=V1, uid=42, user_id="other"))
    live.post(event(vid=V2, user_id=42))

    assert identities(live, site) == {0xA1: user("42"), 0xA2: user("42")}


@pytest.mark.parametrize(
    "ill_formed", ["", " ", "x" * 201, "ä" * 101, "a\x00\x00", "a\tb", None, True, 1.5, [], {"id": "u"}, "\u2028\x85"]
)
def test_user_that_can_be_none_is_ignored_and_its_event_kept(
    live: LivePath, site: IntakeSite, ill_formed: object
) -> None:
    sent = event(vid=V1, uid=ill_formed)
    answer = live.post(sent, query="return=visitor")

    assert (answer.status, answer.json["visitor_id"]) == (202, V1)
    assert identities(live, site) in ({}, {0xA1: user("a")})  # NUL is taken out of texts
    assert (identities(live, site) == {0xA1: user("a")}) == (ill_formed == "a\x00\x00")


@pytest.mark.parametrize("longest", ["x" * 200, "ä" * 100, "käthe@müller.example", "'); DROP TABLE identities; --"])
def test_user_may_be_any_text_of_200_bytes(live: LivePath, site: IntakeSite, longest: str) -> None:
    live.post(event(vid=V1, uid=longest))

    assert identities(live, site) == {0xA1: user(longest)}


def test_user_without_a_visitor_of_its_own_is_nobody(live: LivePath, site: IntakeSite) -> None:
    daily = intake_site("daily.example", caller_id_secret=SECRET)
    live.add(daily)
    live.post(event(uid="u42"))
    live.post(event(vid="v_1", uid="u42"))
    assert live.post(event(d="daily.example", vid=V1, uid="u42")).status == 202

    assert (identities(live, site), identities(live, daily)) == ({}, {})
    assert (len(live.events(site)), len(live.events(daily))) == (2, 1)


def test_key_lets_a_backend_name_both_on_any_site(live: LivePath) -> None:
    daily = intake_site("daily.example", caller_id_secret=SECRET)
    live.add(daily)
    live.post(event("Order", d="daily.example", visitor_id="cart-7", user_id="u42"), _key_of(daily))

    assert identities(live, daily) == {user("cart-7"): user("u42")}


def _key_of(site: IntakeSite) -> dict[str, str]:
    return {"Authorization": f"Bearer key of {site.ref.domain}"}


def test_latest_word_counts_and_is_kept_once_a_visit(
    live: LivePath, site: IntakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bytes] = []

    def watch(spool: Spool, records: Sequence[tuple[bytes, bytes]], identities: Sequence[bytes] = ()) -> int:
        kept.extend(identities)
        return append(spool, records, identities)

    append = Spool.append
    monkeypatch.setattr(Spool, "append", watch)
    for name in ("u42", "u42", "u43", "u43", "u42"):
        live.post(event(vid=V1, uid=name))
    live.post(event(vid=V1))
    assert (identities(live, site), len(kept)) == ({0xA1: user("u42")}, 3)

    with time_machine.travel("2026-03-02T12:40:00Z", tick=False):
        live.post(event(vid=V1, uid="u42"))
        live.post(event(vid=V1, uid="u42"))
    assert (identities(live, site), len(kept)) == ({0xA1: user("u42")}, 4)


def test_ping_identifies_within_a_visit_and_not_without_one(live: LivePath, site: IntakeSite) -> None:
    live.post(event())
    ping = event("engagement", sd=10, e=5, uid="u42")
    assert live.post({**ping, "vid": V2}).headers["x-dropped-reasons"] == "no_session_for_engagement"
    live.post(event(vid=V1))
    live.post({**ping, "vid": V1})

    assert identities(live, site) == {0xA1: user("u42")}


def test_one_event_for_two_sites_identifies_on_that_which_allows_it(live: LivePath, site: IntakeSite) -> None:
    daily = intake_site("daily.example", caller_id_secret=SECRET)
    other = intake_site("other.example", persistent_visitors=True, caller_id_secret=b"another")
    live.add(daily, other)
    live.post(event(d="known.example,daily.example,other.example", vid=V1, uid="u42"))

    assert identities(live, site) == {0xA1: user("u42")}
    assert identities(live, daily) == {}
    assert identities(live, other) == {0xA1: caller_visitor_id(b"another", "u42")}


def test_user_that_the_spool_did_not_take_is_sent_again(live: LivePath, site: IntakeSite) -> None:
    live.post(event(vid=V1))
    live.intake.spool._max_bytes = 0
    assert live.post(event(vid=V1, uid="u42")).status == 503
    live.intake.spool._max_bytes = 1_000_000
    assert identities(live, site) == {}
    live.post(event(vid=V1, uid="u42"))

    assert identities(live, site) == {0xA1: user("u42")}


def test_server_identifies_a_visitor_seen_or_not_and_the_page_may_say_otherwise(
    live: LivePath, site: IntakeSite
) -> None:
    ref: SiteRef = site.ref
    live.intake.take_identity(ref, 0xA2, user("u42"))
    live.post(event(vid=V1, uid="u42"))
    live.intake.take_identity(ref, 0xA1, user("u43"))
    assert identities(live, site) == {0xA1: user("u43"), 0xA2: user("u42")}
    live.post(event(vid=V1, uid="u42"))

    assert identities(live, site) == {0xA1: user("u42"), 0xA2: user("u42")}
