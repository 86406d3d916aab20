"""Secrets do not come out: in a log, a repr, or the page of an unexpected error, even with DEBUG on."""

import logging
from datetime import date
from typing import NoReturn

import pytest
from django.conf import LazySettings
from django.http import HttpRequest
from django.test import Client
from django.urls import path
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import services
from accounts.api.throttles import request_counters
from accounts.keys import mint_key
from accounts.models import ApiKey, PluginsToken
from accounts.selectors import actor_for
from accounts.two_factor_services import pending_device, renew_recovery_codes
from stats.models import VisitorSalt
from tests.factories import make_key, make_site, make_user
from tests.secret_watch import watching

PASSWORD = "correct horse battery"


class Broken(APIView):
    """Fails with a key among its variables."""

    def get(self, request: Request) -> NoReturn:
        sent = request.headers["Authorization"]
        unknown = [mint_key()]
        raise ZeroDivisionError(f"{len(sent)} {len(unknown)}")


def broken_form(request: HttpRequest) -> NoReturn:
    """Fail with a password among its variables."""
    password = str(PASSWORD)
    raise ZeroDivisionError(str(len(password)))


urlpatterns = [path("api/broken", Broken.as_view()), path("broken", broken_form)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "kind",
    ["key", "token", "password", "salt", "secret of a site", "second factor", "recovery code", "traceback", "nothing"],
)
def test_leak_into_any_log_is_found(kind: str) -> None:
    logger = logging.getLogger(f"tests.{kind}")
    logger.propagate = False  # these leaks are meant
    with watching(logger) as watch:
        site = make_site()
        make_user(password=PASSWORD)
        secrets = {
            "key": make_key().text[:30],
            "token": services.issue_plugins_token(site, description="shop").text,
            "password": PASSWORD,
            "salt": VisitorSalt.objects.create(date=date(2026, 3, 1)).salt.hex(),
            "secret of a site": bytes(site.caller_id_secret),
            "second factor": pending_device(make_user()).key,
            "recovery code": renew_recovery_codes(make_user())[0],
            "traceback": make_key().text,
            "nothing": make_key().record,
        }
        if kind == "traceback":
            try:
                raise ValueError(secrets[kind])
            except ValueError:
                logger.exception("failed")
        else:
            logger.warning("%s was refused", secrets[kind])
    assert len(watch.leaks()) == (0 if kind == "nothing" else 1)


@pytest.mark.django_db
def test_repr_of_records_and_values_shows_no_secret() -> None:
    site = make_site()
    person = make_user(password=PASSWORD)
    key, token = make_key(person), services.issue_plugins_token(site, description="shop")
    salt = VisitorSalt.objects.create(date=date(2026, 3, 1))
    lists = (ApiKey.objects.all(), PluginsToken.objects.all(), VisitorSalt.objects.all())
    shown = [
        f"{one!r} {one}"
        for one in (key, token, key.record, token.record, actor_for(key.record), site, person, salt, *lists)
    ]
    secrets = [
        key.text,
        key.record.hash,
        token.text,
        bytes(token.record.hash).hex(),
        repr(bytes(token.record.hash)),
        PASSWORD,
        person.password,
        repr(bytes(salt.salt)),
        repr(bytes(site.caller_id_secret)),
    ]
    assert [(secret, text) for text in shown for secret in secrets if secret in text] == []


@pytest.mark.django_db
@pytest.mark.urls("tests.accounts.test_secrets")
@pytest.mark.parametrize("debug", [True, False])
def test_error_page_shows_no_secret(settings: LazySettings, debug: bool) -> None:
    settings.DEBUG = debug
    request_counters()  # made before the addresses below
    for name in ("DATABASE_URL", "EVENTS_URL", "REDIS_URL"):
        setattr(settings, name, "redis://footfall:hunter2hunter2@store.example/0")
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://:hunter2hunter2@store.example/0"}}
    client = Client(raise_request_exception=False)
    key = make_key().text
    pages = [
        client.get("/api/broken", headers={"Authorization": f"Bearer {key}"}),
        client.get("/broken"),
    ]
    texts = [page.content.decode() for page in pages]
    assert [page.status_code for page in pages] == [500, 500]
    assert ["ZeroDivisionError" in text for text in texts] == [debug, debug]
    for text in texts:
        assert "ff_" not in text
        assert "hunter2" not in text
        assert settings.SECRET_KEY not in text
        assert PASSWORD not in text
