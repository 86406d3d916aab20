from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.ingest.sessions import EventKind, MemorySessions, Visit, visit_key

SITE, ANN, ANN_TODAY = 7, 111, 222
IDLE = 1_800


def kind(name: str = "pageview", path: str = "/", *, host: str = "shop.example", interactive: bool = True) -> EventKind:
    return EventKind(
        is_pageview=name == "pageview",
        is_engagement=name == "engagement",
        interactive=interactive,
        hostname=host,
        pathname=path,
    )


def fresh_visit(at: int, visitor: int = ANN) -> Visit:
    return Visit(
        key=visit_key(SITE, visitor),
        site_id=SITE,
        day="2026-03-10",
        visitor_id=visitor,
        session_id=visitor * 1_000 + at,
        start=at,
        timestamp=at,
        props=b"[],[]",
        attributes=b'"",""]',
    )


def follow(*events: tuple[int, EventKind]) -> list[Visit]:
    """Send events of one visitor, in order; return the visits they made, first to last."""
    sessions, visits = MemorySessions(), []
    for at, what in events:
        visit = sessions.find(SITE, ANN, at)
        if visit is None:
            visit = fresh_visit(at)
            sessions.open(visit, what, at)
            visits.append(visit)
        else:
            sessions.touch(visit, what, at)
    return visits


def test_pageviews_and_custom_events_add_up_and_pings_do_not() -> None:
    [visit] = follow(
        (0, kind(path="/a")),
        (40, kind(path="/b")),
        (120, kind("Signup", "/b")),
        (1_200, kind("engagement", "/b")),
        (2_700, kind(path="/c")),
    )
    assert (visit.duration, visit.pageviews, visit.events, visit.is_bounce) == (2_700, 3, 4, False)
    assert (visit.entry_page, visit.exit_page, visit.timestamp) == ("/a", "/c", 2_700)


@pytest.mark.parametrize(("gap", "visits"), [(IDLE, 1), (IDLE + 1, 2)], ids=["30 minutes idle", "one second more"])
def test_visit_ends_after_thirty_idle_minutes(gap: int, visits: int) -> None:
    made = follow((0, kind()), (gap, kind()))
    assert len(made) == visits
    assert made[0].duration == (gap if visits == 1 else 0)


def test_pings_keep_a_visit_open_without_lengthening_it() -> None:
    pings = [(minute * 60, kind("engagement")) for minute in range(20, 100, 20)]
    [visit] = follow((0, kind()), *pings)
    assert (visit.duration, visit.is_bounce, visit.last_activity) == (0, True, 80 * 60)
    [visit] = follow((0, kind()), *pings, (6_000, kind("Signup")))
    assert visit.duration == 6_000


@pytest.mark.parametrize(
    ("events", "bounced"),
    [
        ([kind()], True),
        ([kind(), kind("engagement"), kind("engagement")], True),
        ([kind(), kind("Signup", interactive=False)], True),
        ([kind(), kind("Signup")], False),
        ([kind("Signup")], False),
        ([kind("Signup", interactive=False)], True),
        ([kind("Signup", interactive=False), kind()], True),
        ([kind("Signup", interactive=False), kind(), kind()], False),
        ([kind("Signup"), kind()], False),
    ],
    ids=lambda value: (
        str(value) if isinstance(value, bool) else "+".join("pv" if e.is_pageview else "ev" for e in value)
    ),
)
def test_bounce_rule(events: list[EventKind], bounced: bool) -> None:
    [visit] = follow(*[(second, what) for second, what in enumerate(events)])
    assert visit.is_bounce is bounced


def test_custom_events_alone_leave_pages_empty_until_the_first_pageview() -> None:
    [visit] = follow((0, kind("Install", "/setup")))
    assert (visit.entry_page, visit.exit_page, visit.hostname, visit.pageviews) == ("", "", "", 0)
    [visit] = follow((0, kind("Install", "/setup")), (9, kind(path="/p")))
    assert (visit.entry_page, visit.exit_page, visit.hostname) == ("/p", "/p", "shop.example")


def test_exit_hostname_follows_the_last_pageview() -> None:
    [visit] = follow((0, kind()), (5, kind(host="app.shop.example")))
    assert (visit.hostname, visit.exit_page_hostname) == ("shop.example", "app.shop.example")


def test_late_event_counts_but_moves_neither_end_nor_exit() -> None:
    [visit] = follow((10, kind(path="/x")), (0, kind(path="/w")))
    assert (visit.start, visit.timestamp, visit.duration) == (10, 10, 10)
    assert (visit.entry_page, visit.exit_page, visit.pageviews) == ("/x", "/x", 2)


def test_event_long_before_the_start_has_a_visit_of_its_own() -> None:
    assert len(follow((5_000, kind()), (5_000 - IDLE, kind()))) == 1
    assert len(follow((5_000, kind()), (5_000 - IDLE - 1, kind()))) == 2


def test_visit_over_midnight_goes_on_under_its_old_id_until_the_next_change() -> None:
    sessions, tomorrow = MemorySessions(), 333
    visit = fresh_visit(0)
    sessions.open(visit, kind(), 0)
    assert sessions.find(SITE, ANN_TODAY, 1_200) is None
    assert sessions.find_over_midnight(SITE, ANN_TODAY, ANN, 1_200) is visit
    sessions.touch(visit, kind(), 1_200)
    assert sessions.find(SITE, ANN_TODAY, 2_700) is visit
    assert visit.visitor_id == ANN
    assert sessions.find(SITE, ANN, 2_700) is visit  # a backend names the id that it was given before midnight
    sessions.touch(visit, kind(), 2_700)
    assert sessions.find_over_midnight(SITE, tomorrow, ANN_TODAY, 2_800) is None


def test_visit_over_midnight_leaves_nothing_behind_when_it_closes() -> None:
    sessions = MemorySessions()
    sessions.open(fresh_visit(0), kind(), 0)
    sessions.find_over_midnight(SITE, ANN_TODAY, ANN, 10)
    sessions.open(fresh_visit(IDLE + 1, 999), kind(), IDLE + 1)
    assert (len(sessions), sessions._renamed) == (1, {})


def test_visit_idle_over_midnight_is_over() -> None:
    sessions = MemorySessions()
    sessions.open(fresh_visit(0), kind(), 0)
    assert sessions.find_over_midnight(SITE, ANN_TODAY, ANN, IDLE + 1) is None


def test_undo_takes_back_an_event_and_a_new_visit() -> None:
    sessions = MemorySessions()
    visit = fresh_visit(0)
    opened = sessions.open(visit, kind(path="/a"), 0)
    before = replace(visit)
    touched = sessions.touch(visit, kind(path="/b"), 60)
    assert visit != before
    sessions.undo(touched)
    assert visit == before
    sessions.undo(opened)
    assert sessions.find(SITE, ANN, 61) is None


def test_idle_visits_leave_memory_and_active_ones_stay() -> None:
    sessions = MemorySessions()
    for visitor in range(1, 101):
        sessions.open(fresh_visit(visitor, visitor), kind(), visitor)
    kept = sessions.find(SITE, 1, 500)
    assert kept is not None
    sessions.touch(kept, kind("engagement"), 500)
    sessions.open(fresh_visit(100 + IDLE, 999), kind(), 100 + IDLE)
    assert len(sessions) == 3  # visitor 100 is idle for exactly 30 minutes, visitor 1 sent a ping, 999 is new
    assert sessions.find(SITE, 1, 100 + IDLE) is kept


def test_adopted_visits_continue() -> None:
    former = fresh_visit(0)
    former.last_activity = 100
    sessions = MemorySessions()
    sessions.adopt([former])
    assert sessions.find(SITE, ANN, 100 + IDLE) is former
    assert sessions.find(SITE, ANN, 101 + IDLE) is None


def expected_of(events: list[tuple[int, EventKind]]) -> dict[str, object]:
    """Work a visit's numbers out of its events anew, as part 4.3 of the event contract words them."""
    counting = [(at, what) for at, what in events if not what.is_engagement]
    pages = [(at, what.pathname) for at, what in counting if what.is_pageview]
    acted = any(what.interactive and not what.is_pageview for _, what in counting)
    return {
        "start": events[0][0],
        "timestamp": max(at for at, _ in counting),
        "duration": max(abs(at - events[0][0]) for at, _ in counting),
        "events": len(counting),
        "pageviews": len(pages),
        "is_bounce": not acted and len(pages) < 2,
        "entry_page": pages[0][1] if pages else "",
        "exit_page": pages[-1][1] if pages else "",
        "last_activity": max(at for at, _ in events),
    }


STEPS = st.tuples(
    st.sampled_from([0, 1, 60, 900, IDLE, IDLE + 1]),
    st.sampled_from([ANN, ANN_TODAY]),
    st.sampled_from(["pageview", "engagement", "Signup"]),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(STEPS, max_size=40))
def test_any_course_of_events_gives_the_numbers_worked_out_anew(steps: list[tuple[int, int, str, bool, bool]]) -> None:
    sessions, now = MemorySessions(), 10_000
    histories: dict[int, list[tuple[int, EventKind]]] = {}
    for number, (gap, visitor, name, interactive, is_refused) in enumerate(steps):
        now += gap
        what = kind(name, f"/{number}", interactive=interactive)
        visit = sessions.find(SITE, visitor, now)
        history = histories.get(visitor, [])
        assert (visit is None) == (not history or now - max(at for at, _ in history) > IDLE)
        if visit is None and what.is_engagement:
            continue
        visit, is_new = (visit, False) if visit else (fresh_visit(now, visitor), True)
        change = sessions.open(visit, what, now) if is_new else sessions.touch(visit, what, now)
        if is_refused:
            sessions.undo(change)
            if is_new:
                histories.pop(visitor, None)
                continue
        else:
            histories[visitor] = [*([] if is_new else history), (now, what)]
        expected = expected_of(histories[visitor])
        assert {name: getattr(visit, name) for name in expected} == expected
