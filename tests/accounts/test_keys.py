import base64
import hashlib
import re
import string
from pathlib import Path

import pytest

from accounts import keys
from accounts.types import Scope

README = Path(__file__).resolve().parents[2] / "README.md"


def test_mint_key_is_64_url_safe_characters_and_never_twice_the_same() -> None:
    minted = [keys.mint_key() for _ in range(50)]
    assert {len(text) for text in minted} == {64}
    assert set("".join(minted)) <= set(string.ascii_letters + string.digits + "-_")
    assert len({text[3:] for text in minted}) == 50
    assert all(text.startswith("ff_") for text in minted)


def test_patterns_for_secret_scanners_find_what_is_minted_and_nothing_near_it() -> None:
    rows = re.findall(r"^    (\S*(?:ff_|plausible-plugin)\S*)$", README.read_text(), re.MULTILINE)
    key, token = (re.compile(row) for row in rows)
    for _ in range(200):
        minted = {key: keys.mint_key(), token: keys.mint_plugins_token()}
        for pattern, text in minted.items():
            line = f'API_KEY="{text}", # {text[:6]}'
            assert pattern.findall(line) == [text]
            assert not [other for other in minted if other is not pattern and other.search(line)]
    assert not key.search("a" + minted[key])
    assert not key.search(minted[key] + "a")
    assert not key.search(minted[key][:-1])


def test_hash_key_is_sha256_of_secret_and_text() -> None:
    assert keys.hash_key("secret", "clé") == hashlib.sha256(b"secretcl\xc3\xa9").hexdigest()
    assert keys.hash_key("other", "clé") != keys.hash_key("secret", "clé")


def test_hash_key_takes_text_that_no_encoding_holds() -> None:
    assert len(keys.hash_key("secret", "\ud800")) == 64


def test_key_prefix_is_the_first_six_characters() -> None:
    assert keys.key_prefix("ff_abcdefg") == "ff_abc"


@pytest.mark.parametrize(
    ("held", "required", "allowed"),
    [
        ([], Scope.STATS_READ, True),
        (["sites:provision:*"], Scope.STATS_READ, True),
        (["stats:read:*"], Scope.SITES_READ, True),
        (["stats:read:*"], Scope.SITES_PROVISION, False),
        (["sites:read:*"], Scope.SITES_PROVISION, False),
        (["stats:read:*", "sites:provision:*"], Scope.SITES_PROVISION, True),
        (["sites:*"], Scope.SITES_PROVISION, True),
        (["*"], Scope.SITES_PROVISION, True),
        ([""], Scope.SITES_PROVISION, False),
        (["funnels:*"], "funnels:read:*", True),
        (["sites:provision:*"], "sites:*", False),
    ],
)
def test_scope_allows_follows_the_prefix_rule(held: list[str], required: str, allowed: bool) -> None:
    assert keys.scope_allows(held, required) is allowed


@pytest.mark.parametrize("scope", ["*", "sites:*", "stats:read:*", "sites:provision:*"])
def test_is_scope_accepts_areas_and_actions(scope: str) -> None:
    assert keys.is_scope(scope)


@pytest.mark.parametrize("scope", ["", "sites", "sites:", "sites:read", "Sites:*", "sites:*:*", "sites:read:*\n"])
def test_is_scope_refuses_other_text(scope: str) -> None:
    assert not keys.is_scope(scope)


def test_plugins_token_is_mark_and_40_characters_of_30_bytes() -> None:
    token = keys.mint_plugins_token()
    mark, _, rest = token.rpartition("-")
    assert mark == "plausible-plugin-selfhost"
    assert len(rest) == 40
    assert len(base64.b64decode(rest, validate=True)) == 30
    assert keys.hash_plugins_token(token) == hashlib.sha256(token.encode()).digest()
    assert keys.token_hint(token) == token[-4:]
