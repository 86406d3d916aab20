import pytest
from django.test import Client, RequestFactory

from analytics_project.api import MAX_BODY_BYTES, server_error
from stats.store.client import EventStore


@pytest.mark.parametrize("path", ["/api/", "/api/v1/nothing", "/api/v3/query", "/api/événement"])
def test_unknown_endpoint_is_a_json_404(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    assert path in answer.json()["error"]


def test_bug_of_ours_is_a_fixed_text(rf: RequestFactory) -> None:
    answer = server_error(rf.get("/api/v2/query"))
    assert (answer.status_code, answer.content) == (500, b'{"error": "internal server error"}')
    assert server_error(rf.get("/admin/")).content.startswith(b"\n<!doctype html>")


@pytest.mark.django_db
def test_health_names_every_dependency(client: Client, store: EventStore) -> None:
    answer = client.get("/api/health")
    state = answer.json()
    assert (state["postgres"], state["clickhouse"]) == ("ok", "ok")
    assert (answer.status_code, state["spool"]) == (500, "not started")
    assert client.post("/api/health").status_code == 405


@pytest.mark.django_db
def test_request_that_django_refuses_is_a_json_400(client: Client) -> None:
    many = "&".join(f"p{number}=1" for number in range(1001))
    headers = {"authorization": "Bearer nobody"}
    answer = client.get(f"/api/v1/stats/aggregate?site_id=x&{many}", headers=headers)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


@pytest.mark.django_db
def test_format_parameter_is_a_parameter_like_any_other(client: Client) -> None:
    answer = client.get("/api/v1/stats/aggregate?site_id=x&format=xml", headers={"authorization": "Bearer nobody"})
    assert (answer.status_code, list(answer.json())) == (401, ["error"])


def test_body_beyond_the_limit_is_not_read(client: Client) -> None:
    body = b" " * MAX_BODY_BYTES + b"{}"
    answer = client.post("/api/v2/query", body, content_type="application/json", headers={"authorization": "Bearer x"})
    assert (answer.status_code, "larger than" in answer.json()["error"]) == (400, True)
