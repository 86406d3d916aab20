"""The contract's fixtures (stats contract, part 6)."""

from typing import Final

from tests.stats.query.recorded import custom, engagement, pageview

FIXTURE_A: Final = (
    pageview("09:00", "u1", "/", source="Google", channel="Organic Search", country_code="EE", browser="Chrome"),
    pageview("09:05", "u1", "/pricing", source="Google", channel="Organic Search", country_code="EE", browser="Chrome"),
    custom("09:10", "u1", "Signup", "/pricing", props={"plan": "pro"}),
    pageview("09:30", "u2", "/pricing", channel="Direct", country_code="US", browser="Safari"),
    pageview(
        "10:00", "u3", "/blog/a", source="Twitter", channel="Organic Social", country_code="EE", browser="Firefox"
    ),
    engagement("10:02", "u3", "/blog/a", 40, 60),
    pageview("10:02", "u3", "/blog/b"),
    engagement("10:05", "u3", "/blog/b", 90, 90),
    pageview("15:00", "u1", "/blog/a", channel="Direct", country_code="EE", browser="Chrome"),
    engagement("15:01", "u1", "/blog/a", 80, 30),
    custom(
        "15:30",
        "u4",
        "Signup",
        "/pricing",
        props={"plan": "free"},
        source="Google",
        channel="Organic Search",
        country_code="DE",
        browser="Chrome",
    ),
    custom("15:31", "u4", "Signup", "/pricing"),
)

FIXTURE_B: Final = (
    pageview("2025-03-10 23:40", "u1", "/a"),
    pageview("2025-03-10 23:58", "u1", "/b"),
    pageview("2025-03-11 00:20", "u1", "/c"),
    pageview("2025-03-11 00:10", "u2", "/a"),
)

FIXTURE_H: Final = (
    pageview("08:50", "v1"),
    pageview("09:15", "v1"),
    pageview("09:40", "v1"),
    pageview("10:05", "v1"),
    pageview("09:20", "v2"),
)
