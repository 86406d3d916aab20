"""Events and queries written as the contract's worked cases write them, for what a failing test prints."""

from stats.query.types import AllOf, AnyOf, DatePair, Filter, HasDone, InstantPair, Leaf, Not, QueryParams
from tests.stats.query.recorded import Hit
from tests.stats.query.reference.totals import Total


def of_hit(hit: Hit) -> str:
    """Return `2025-03-10 09:00:00 u1 shop.example/a ev:Signup {plan=pro} {source Google}`."""
    parts = [hit.at, hit.visitor, f"{hit.hostname}{hit.pathname}"]
    if hit.name == "engagement":
        parts.append(f"eng sd={hit.scroll_depth} t={hit.seconds}")
    elif hit.name != "pageview":
        parts.append(f"ev:{hit.name}" + ("" if hit.interactive else " (non-interactive)"))
    if hit.amount is not None:
        parts.append(f"amount={hit.amount}")
    if hit.props:
        parts.append("{" + ", ".join(f"{key}={value}" for key, value in hit.props.items()) + "}")
    if hit.attributes:
        parts.append("{" + ", ".join(f"{key} {value}" for key, value in hit.attributes.items()) + "}")
    return " ".join(parts)


def of_total(total: Total) -> str:
    """Return `pages 2025-03-10 {page /a} visitors=3 pageviews=4 (import 1)`."""
    cells = ", ".join(f"{name} {text}" for name, text in total.cells.items())
    counts = " ".join(f"{name}={count}" for name, count in total.counts.items() if count)
    return f"{total.table} {total.day} {{{cells}}} {counts} (import {total.import_id})"


def of_filter(node: Filter) -> str:
    """Return `is event:page /a, /b` or `or(is visit:browser Safari, not(has_done(is event:name Signup)))`."""
    match node:
        case Leaf(operator, dimension, clauses, case_sensitive):
            modifier = {None: "", True: " case-sensitive", False: " case-insensitive"}[case_sensitive]
            return f"{operator} {dimension} {', '.join(map(repr, clauses))}{modifier}"
        case Not(child):
            return f"not({of_filter(child)})"
        case HasDone(child, negated):
            return f"{'has_not_done' if negated else 'has_done'}({of_filter(child)})"
        case AllOf(children) | AnyOf(children):
            return f"{'and' if isinstance(node, AllOf) else 'or'}({', '.join(map(of_filter, children))})"


def of_params(params: QueryParams) -> str:
    """Return `q{visitors} d[event:page] f[…] 2025-03-10…2025-03-11 order …, limit 2 offset 1`."""
    spec = params.date_range
    parts = [f"q{{{', '.join(params.metrics)}}}"]
    if params.dimensions:
        parts.append(f"d[{', '.join(params.dimensions)}]")
    if params.filters:
        parts.append(f"f[{'; '.join(map(of_filter, params.filters))}]")
    if isinstance(spec, DatePair | InstantPair):
        parts.append(f"{spec.first}…{spec.last}")
    if params.order_by is not None:
        parts.append("order " + (", ".join(f"{o.field} {'desc' if o.descending else 'asc'}" for o in params.order_by)))
    if params.limit is not None or params.offset:
        parts.append(f"limit {params.limit} offset {params.offset}")
    return " ".join(parts)
