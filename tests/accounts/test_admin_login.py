"""Logging in to the admin: attempts are limited without telling who exists; a second factor is asked of who has one."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
import time_machine
from django.conf import LazySettings
from django.http import HttpResponse
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.login_form import ATTEMPTS_PER_ACCOUNT, ATTEMPTS_PER_ADDRESS, WINDOW_S
from accounts.models import AuditEntry, User
from accounts.request_counters import RequestCounters
from accounts.two_factor_services import PENDING_FOR, RECOVERY_CODES
from tests.factories import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]

PASSWORD = "correct horse battery"
ROOT = "root@shop.example"
SECOND_FACTOR = "/admin/second-factor/"
STEP_S = 30


@pytest.fixture
def hand() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-03-10T12:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def _attempts_of_this_test(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> None:
    """Count from nothing, and hash passwords quickly."""
    counters = RequestCounters()
    monkeypatch.setattr("accounts.login_form.request_counters", lambda: counters)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser(ROOT, PASSWORD)


def log_in(
    email: str = ROOT,
    password: str = PASSWORD,
    *,
    code: str = "",
    address: str = "203.0.113.9",
    client: Client | None = None,
) -> tuple[int, str]:
    """Send the form; return the status and what the page says is wrong."""
    sent = {"username": email, "password": password, "code": code, "next": "/admin/"}
    browser = client or Client()
    answer: HttpResponse = browser.post("/admin/login/", sent, headers={"X-Forwarded-For": address})  # type: ignore[assignment]
    return answer.status_code, said(answer)


def said(answer: HttpResponse) -> str:
    return " ".join(
        unescape(text).strip() for text in re.findall(r'class="errornote">(.*?)</p>', answer.content.decode(), re.S)
    )


# ---- Attempts --------------------------------------------------------------------------------------------------------
def test_account_is_locked_after_ten_attempts_known_or_not_alike(hand: time_machine.Traveller, root: User) -> None:
    make_user("staffless@shop.example", password=PASSWORD)
    answers = {}
    for number, email in enumerate((ROOT, "staffless@shop.example", "nobody@shop.example")):
        for attempt in range(ATTEMPTS_PER_ACCOUNT):
            status, text = log_in(email, "wrong", address=f"198.51.100.{number * 20 + attempt}")
            assert (status, "correct e-mail address" in text) == (200, True)
        answers[email] = log_in(email, PASSWORD, address="192.0.2.1")
    assert set(answers.values()) == {(429, "Too many attempts to log in. Try again in 15 min.")}
    hand.shift(WINDOW_S)
    assert log_in()[0] == 302


def test_account_is_the_same_in_any_case(hand: time_machine.Traveller, root: User) -> None:
    for attempt in range(ATTEMPTS_PER_ACCOUNT):
        log_in(ROOT.upper() if attempt % 2 else f" {ROOT}", "wrong", address=f"198.51.100.{attempt}")
    assert log_in()[0] == 429


def test_address_is_locked_after_fifty_attempts_and_others_are_not(hand: time_machine.Traveller, root: User) -> None:
    for number in range(ATTEMPTS_PER_ADDRESS):
        assert log_in(f"guess{number}@shop.example", "wrong")[0] == 200
    locked = log_in()
    assert locked[0] == 429
    assert log_in(address="192.0.2.1")[0] == 302


def test_address_of_a_proxy_that_nobody_trusts_cannot_be_claimed(
    hand: time_machine.Traveller, root: User, settings: LazySettings
) -> None:
    settings.TRUSTED_PROXIES = ("10.0.0.1",)
    for number in range(ATTEMPTS_PER_ADDRESS):
        log_in(f"guess{number}@shop.example", "wrong", address=f"198.51.100.{number}")
    assert log_in(address="192.0.2.1")[0] == 429


def test_locked_page_says_when_to_come_again(hand: time_machine.Traveller, root: User) -> None:
    hand.shift(600)
    for _ in range(ATTEMPTS_PER_ACCOUNT):
        log_in(password="wrong")
    answer = Client().post("/admin/login/", {"username": ROOT, "password": PASSWORD})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "300")


@pytest.mark.parametrize("email", ["", "\ud800", "a\0b", "x" * 10_000])
def test_odd_addresses_are_refused_on_the_form(email: str) -> None:
    sent = f"username={'%ED%A0%80' if email == chr(0xD800) else email.replace(chr(0), '%00')}&password=x"
    answer = Client().post("/admin/login/", sent, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200


# ---- The second factor -----------------------------------------------------------------------------------------------
def code_of(user: User) -> str:
    device = TOTPDevice.objects.get(user=user)
    return f"{totp(device.bin_key):06d}"


def enrol(user: User, browser: Client) -> list[str]:
    """Set a second factor up in a browser in which the person is logged in; return the recovery codes."""
    page = browser.get(SECOND_FACTOR).content.decode()
    device = TOTPDevice.objects.get(user=user)
    assert device.config_url.replace("&", "&amp;") in page
    assert "<svg" in page
    done = browser.post(SECOND_FACTOR, {"code": code_of(user)}).content.decode()
    return re.findall(r"<code>([a-z2-7-]{14})</code>", done)


@pytest.fixture
def browser(root: User) -> Client:
    opened = Client()
    assert log_in(client=opened)[0] == 302
    return opened


def test_second_factor_is_set_up_and_then_asked_for(hand: time_machine.Traveller, root: User, browser: Client) -> None:
    elsewhere = Client()
    log_in(client=elsewhere)
    codes = enrol(root, browser)
    assert len(set(codes)) == RECOVERY_CODES
    assert browser.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302  # logged in before, but without a code
    hand.shift(STEP_S)
    assert "asks for a code" in log_in()[1]
    assert "wrong or has been used" in log_in(code="000000")[1]
    hand.shift(STEP_S)
    assert log_in(code=code_of(root))[0] == 302
    assert "wrong or has been used" in log_in(code=code_of(root))[1]  # once only
    assert "correct e-mail address" in log_in(password="wrong", code="000000")[1]
    assert AuditEntry.objects.get(action="second_factor.on").who == root


def test_recovery_code_lets_in_once(hand: time_machine.Traveller, root: User, browser: Client) -> None:
    codes = enrol(root, browser)
    assert log_in(code=codes[0].upper().replace("-", " "))[0] == 302
    assert log_in(code=codes[0])[0] == 200
    hand.shift(STEP_S)
    assert log_in(code=codes[1])[0] == 302
    assert f"{RECOVERY_CODES - 2} recovery codes left" in browser.get(SECOND_FACTOR).content.decode()
    kept = "".join(StaticToken.objects.values_list("token", flat=True))
    assert not [code for code in codes if code in kept or code.replace("-", "") in kept]


def test_secret_and_codes_are_shown_once(hand: time_machine.Traveller, root: User, browser: Client) -> None:
    codes = enrol(root, browser)
    device = TOTPDevice.objects.get()
    pages = [SECOND_FACTOR, "/admin/accounts/user/", f"/admin/accounts/user/{root.pk}/change/", "/admin/"]
    for page in pages:
        text = browser.get(page).content.decode()
        assert device.key not in text
        assert "otpauth" not in text
        assert not [code for code in codes if code in text]
    assert browser.get("/admin/otp_totp/totpdevice/").status_code == 404


def test_forgotten_page_tells_no_secret_later(hand: time_machine.Traveller, root: User, browser: Client) -> None:
    browser.get(SECOND_FACTOR)
    first = TOTPDevice.objects.get().key
    browser.get(SECOND_FACTOR)
    assert TOTPDevice.objects.get().key == first
    hand.shift(PENDING_FOR.total_seconds() + 1)
    browser.get(SECOND_FACTOR)
    assert TOTPDevice.objects.get().key != first


def test_wrong_first_code_turns_nothing_on(hand: time_machine.Traveller, root: User, browser: Client) -> None:
    browser.get(SECOND_FACTOR)
    for wrong in ("", "000000", "\u0661" * 6, "x" * 5000, "1" * 5000):
        assert "is wrong" in browser.post(SECOND_FACTOR, {"code": wrong}).content.decode()
        hand.shift(STEP_S * 10)
    assert log_in()[0] == 302


def test_codes_are_renewed_and_the_factor_turned_off_with_a_code(
    hand: time_machine.Traveller, root: User, browser: Client
) -> None:
    old = enrol(root, browser)
    refused = browser.post(SECOND_FACTOR, {"do": "turn_off", "code": "000000"})
    assert "wrong" in refused.content.decode()
    hand.shift(STEP_S)
    new = re.findall(
        r"<code>([a-z2-7-]{14})</code>",
        browser.post(SECOND_FACTOR, {"do": "renew", "code": code_of(root)}).content.decode(),
    )
    assert len(new) == RECOVERY_CODES
    assert log_in(code=old[0])[0] == 200
    hand.shift(STEP_S)
    assert browser.post(SECOND_FACTOR, {"do": "turn_off", "code": new[0]}).status_code == 302
    assert log_in()[0] == 302
    assert not StaticToken.objects.exists()
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
        "second_factor.on",
        "second_factor.renew_recovery_codes",
        "second_factor.off",
    ]


def test_superuser_turns_the_factor_of_a_lost_phone_off_and_staff_does_not(
    hand: time_machine.Traveller, root: User, browser: Client
) -> None:
    enrol(root, browser)
    other = User.objects.create_superuser("other@shop.example", PASSWORD)
    client = Client()
    client.force_login(other)
    asked = {"action": "turn_off_second_factor", "_selected_action": [root.pk]}
    page = client.post("/admin/accounts/user/", asked).content.decode()
    assert "Be sure who is asking" in page
    assert TOTPDevice.objects.exists()
    User.objects.filter(pk=other.pk).update(is_superuser=False)
    client.post("/admin/accounts/user/", {**asked, "confirm": "yes"})
    assert TOTPDevice.objects.exists()
    User.objects.filter(pk=other.pk).update(is_superuser=True)
    assert "?second_factor=on" in client.get("/admin/accounts/user/").content.decode()
    client.post("/admin/accounts/user/", {**asked, "confirm": "yes"})
    assert not TOTPDevice.objects.exists()
    assert AuditEntry.objects.get(action="second_factor.off").who == other
