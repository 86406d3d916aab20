"""A site, a key to it and the two Stats APIs over HTTP, in as few words as a worked case has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs
import orjson
from django.test import Client

from accounts.models import Site
from accounts.selectors import site_ref
from accounts.types import SiteRef
from analytics_project.openapi import document
from stats.query.schema_v2 import query_schema
from stats.store.client import EventStore
from tests.factories import make_goal, make_key, make_site, make_team
from tests.stats.query.recorded import DAY, Hit, record

# What is answered 200 must be a query by the published schema: held against it with every query of every test.
PUBLISHED: Final = jsonschema_rs.Draft202012Validator(query_schema())


@dataclass(frozen=True)
class Asker:
    """Asks about one site; results are (dimensions, metrics) pairs, or just metrics without dimensions."""

    site: SiteRef
    key: str
    store: EventStore

    def record(self, *hits: Hit, **how: Any) -> None:
        """Write events of the site."""
        record(self.store, self.site.id, hits, zone=self.site.timezone, **how)

    def post(self, body: Mapping[str, Any] | bytes) -> tuple[int, Any]:
        """Return status and body of a v2 request; the site's id and the fixtures' day are filled in."""
        if not isinstance(body, bytes):
            body = orjson.dumps({"site_id": self.site.domain, "date_range": [DAY, DAY], **body})
        answer = Client().post(
            "/api/v2/query", body, content_type="application/json", headers={"authorization": f"Bearer {self.key}"}
        )
        if answer.status_code == 200:
            PUBLISHED.validate(orjson.loads(body))
        return answer.status_code, answer.json()

    def analyse(self, name: str, **more: Any) -> tuple[int, Any]:
        """Return status and body of a request for a funnel, retention or journeys."""
        body = {"site_id": self.site.domain, "date_range": [DAY, DAY], **more}
        answer = Client().post(
            f"/api/v2/{name}",
            orjson.dumps(body),
            content_type="application/json",
            headers={"authorization": f"Bearer {self.key}"},
        )
        if answer.status_code == 200:
            schema = {"$ref": f"#/components/schemas/{name.title()}Request", "components": document()["components"]}
            jsonschema_rs.Draft202012Validator(schema).validate(body)
        return answer.status_code, answer.json()

    def analysed(self, name: str, **more: Any) -> list[Any]:
        """Return the results of a request for a funnel, retention or journeys."""
        status, body = self.analyse(name, **more)
        assert status == 200, body
        return list(body["results"])

    def ask(self, metrics: Iterable[str], dimensions: Iterable[str] = (), **more: Any) -> Any:
        """Return v2's answer, body and all."""
        status, body = self.post({"metrics": list(metrics), "dimensions": list(dimensions), **more})
        assert status == 200, body
        return body

    def total(self, metrics: str, **more: Any) -> list[Any]:
        """Return the metrics (named in one text, blanks between) of the one row without dimensions."""
        (row,) = self.ask(metrics.split(), **more)["results"]
        assert row["dimensions"] == []
        return list(row["metrics"])

    def rows(self, metrics: str, dimensions: str, **more: Any) -> list[tuple[Any, ...]]:
        """Return rows as (dimension, …, [metrics]) in the order of the answer."""
        results = self.ask(metrics.split(), dimensions.split(), **more)["results"]
        return [(*row["dimensions"], row["metrics"]) for row in results]

    def get(self, path: str, **parameters: Any) -> tuple[int, Any]:
        """Return status and body of a v1 request; the site and the fixtures' day are filled in."""
        asked = {"site_id": self.site.domain, "period": "day", "date": DAY, **parameters}
        answer = Client().get(
            f"/api/v1/stats/{path}",
            {name: value for name, value in asked.items() if value is not None},
            headers={"authorization": f"Bearer {self.key}"},
        )
        return answer.status_code, answer.json()

    def v1(self, path: str, **parameters: Any) -> Any:
        """Return the results of a v1 request."""
        status, body = self.get(path, **parameters)
        assert status == 200, body
        return body["results"]


def new_asker(store: EventStore, timezone: str = "Etc/UTC", **fields: Any) -> Asker:
    """Return an asker for a new site of a new team."""
    team = make_team()
    site = make_site(team, timezone=timezone, **fields)
    return Asker(site_ref(site), make_key(team=team).text, store)


def with_goals(asker: Asker, *goals: Mapping[str, Any]) -> Asker:
    """Return the asker, its site with these goals."""
    site = Site.objects.get(pk=asker.site.id)
    for fields in goals:
        make_goal(site, **fields)
    return asker


def tied(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows in an order of their own, for comparisons where the contract leaves it free."""
    return sorted(rows, key=repr)
