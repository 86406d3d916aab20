"""One's own API keys over the Sites API: key contract, section 1."""

from datetime import timedelta
from typing import Any

import pytest

from accounts import services
from accounts.models import AuditEntry, Team
from accounts.types import Role, Scope
from analytics_project import clock
from tests.accounts.api.conftest import Caller, CallerOf
from tests.factories import make_key, make_member, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db

PROVISION = [Scope.SITES_PROVISION]


def ids(call: Caller, query: str = "") -> list[int]:
    status, body = call("GET", f"/sites/keys{query}")
    assert status == 200, body
    return [key["id"] for key in body["keys"]]


def state_of(call: Caller, key_id: int) -> Any:
    return next(key["state"] for key in call("GET", "/sites/keys")[1]["keys"] if key["id"] == key_id)


def test_list_holds_own_legacy_keys_and_those_of_the_team_in_play(team: Team, caller_of: CallerOf) -> None:
    owner = owner_of(team)
    other = make_team(owner)
    here = make_key(owner, team, PROVISION)
    legacy = make_key(owner, scopes=PROVISION)
    there = make_key(owner, other)
    make_key(make_member(team, role=Role.ADMIN), team)
    assert ids(caller_of(here)) == [legacy.record.pk, here.record.pk]
    assert ids(caller_of(here), f"?team_id={other.identifier}") == [legacy.record.pk, here.record.pk]
    by_legacy = caller_of(legacy)
    assert ids(by_legacy) == [there.record.pk, legacy.record.pk, here.record.pk]
    assert ids(by_legacy, f"?team_id={other.identifier}") == [there.record.pk, legacy.record.pk]
    assert by_legacy("GET", f"/sites/keys?team_id={make_team().identifier}")[0] == 401


def test_key_shows_what_it_may_and_never_its_text(team: Team, caller_of: CallerOf) -> None:
    key = make_key(team=team, expires_at=clock.now() + timedelta(days=1), read_only=True)
    status, body = caller_of(key)("GET", "/sites/keys")
    shown = body["keys"][0]
    assert status == 200
    assert shown["id"] == key.record.pk
    assert (shown["name"], shown["prefix"], shown["team_id"]) == ("clé", key.text[:6], str(team.identifier))
    assert (shown["scopes"], shown["read_only"], shown["state"]) == (["stats:read:*"], True, "usable")
    assert shown["expires_at"] == key.record.expires_at.isoformat(timespec="seconds")  # type: ignore[union-attr]
    assert set(shown) == {
        *("id", "name", "prefix", "team_id", "scopes", "read_only", "state"),
        *("created_at", "last_used_at", "expires_at"),
    }
    assert key.text[6:] not in str(body)
    assert key.record.hash not in str(body)


def test_list_is_narrowed_by_documented_parameters_and_ignores_others(team: Team, caller_of: CallerOf) -> None:
    owner = owner_of(team)
    asking = make_key(owner, team, [Scope.STATS_READ, Scope.SITES_PROVISION])
    legacy = make_key(owner, scopes=["sites:*"])
    expired = make_key(owner, team, expires_at=clock.now() - timedelta(seconds=1))
    revoked = services.issue_key(owner, team, name="Nightly Report")
    services.revoke_key(revoked.record)
    rotated = make_key(owner, team)
    successor = services.rotate_key(rotated.record)
    call = caller_of(asking)
    found = {
        query: [one.record.pk for one in keys]
        for query, keys in {
            "state=usable": (successor, legacy, asking),
            "state=rotated": (rotated,),
            "state=expired": (expired,),
            "state=revoked": (revoked,),
            f"team={team.identifier}&state=usable": (successor, asking),
            "legacy=true": (legacy,),
            "legacy=false&state=usable": (successor, asking),
            "scope=sites:provision:*": (asking,),
            "scope=sites:*": (legacy,),
            "name=REPORT&page=2": (revoked,),
            "name=&state=&team=&legacy=&scope=&state=usable": (successor, legacy, asking),
        }.items()
    }
    assert {query: ids(call, f"?{query}") for query in found} == found
    for query in ("state=gone", "team=acme", "scope=all", "scope=%22", "name=%00", "team=%00", "after=x"):
        status, body = call("GET", f"/sites/keys?{query}")
        assert (status, body["error"].startswith(query.partition("=")[0])) == (400, True), body


def test_key_is_revoked_at_once_and_only_ones_own(team: Team, call: Caller, caller_of: CallerOf) -> None:
    own, others = make_key(owner_of(team), team), make_key(make_member(team), team)
    elsewhere = make_key(owner_of(team), make_team(owner_of(team)))
    for key_id in (others.record.pk, elsewhere.record.pk, 0, -1, 2**63, "9" * 19, "9" * 40):
        assert call("DELETE", f"/sites/keys/{key_id}") == (404, {"error": "API key not found"})
    for key_id in ("x", "1.5", "%00", "²"):
        status, body = call("DELETE", f"/sites/keys/{key_id}")
        assert (status, body["error"]) == (400, "key_id: must be a whole number")
    assert {caller_of(key)("GET", "/sites/keys")[0] for key in (own, others, elsewhere)} == {200}
    for _ in range(2):
        assert call("DELETE", f"/sites/keys/{own.record.pk}") == (200, {"deleted": True})
    assert caller_of(own)("GET", "/sites/keys")[0] == 401
    assert state_of(call, own.record.pk) == "revoked"
    assert AuditEntry.objects.filter(action="key.revoke", who=owner_of(team)).count() == 1


def test_key_may_revoke_itself(team: Team, caller_of: CallerOf) -> None:
    key = make_key(team=team, scopes=PROVISION)
    call = caller_of(key)
    assert call("DELETE", f"/sites/keys/{key.record.pk}")[0] == 200
    assert call("GET", "/sites/keys")[0] == 401


def test_person_without_any_team_sees_their_legacy_keys(caller_of: CallerOf) -> None:
    key = make_key(make_user(), scopes=PROVISION)
    assert ids(caller_of(key)) == [key.record.pk]
