"""Typed question → statement over the mirror of payments: FINAL chooses each payment's newest version.

Sums are of decimals with six places and stay exact; nothing here rounds. Values are server-side parameters.
"""

from datetime import UTC, datetime
from typing import Final

from stats.query.compile import Statement
from stats.query.money.types import Bucket, Span, Steps

_OF_SITE = "site_id = {site:UInt32} AND NOT is_voided"
_IN_SPAN = (
    f"{_OF_SITE} AND paid_at >= toDateTime({{start:UInt32}}, 'UTC') AND paid_at <= toDateTime({{end:UInt32}}, 'UTC')"
)
_DAY_S: Final = 86_400  # what the day of an event, in whatever zone, may be beside that of its instant
_LONGEST_COVERAGE_S: Final = 373 * _DAY_S  # a year and the grace, with room; no older payment covers an instant
_COUNTS = "NOT is_refund AND amount > 0"
IS_FIRST: Final = "first_payment_id = payment_id"  # of its customer


def compile_totals(span: Span) -> Statement:
    """Return the statement for one row: what a span's payments come to."""
    sql = f"""
        SELECT
            toString(ifNull(sumIf(converted, NOT is_refund), 0)) AS gross,
            toString(ifNull(sumIf(converted, is_refund), 0)) AS refunded,
            countIf({_COUNTS}) AS payments,
            countIf({_COUNTS} AND converted IS NOT NULL) AS priced_payments,
            countIf(is_refund) AS refunds,
            uniqExactIf(visitor_id, {_COUNTS}) AS payers,
            uniqExactIf(customer_id, {_COUNTS}) AS customers
        FROM payments FINAL
        WHERE {_IN_SPAN}
    """
    return Statement(sql, _span(span))


def compile_left_out(span: Span) -> Statement:
    """Return the statement for payments and refunds of a span without an exchange rate: how many, by currency.

    Mostly there are none, which is seen at once in whatever versions there are.
    """
    sql = f"""
        SELECT currency, count() AS payments FROM payments FINAL
        WHERE {_IN_SPAN} AND converted IS NULL AND amount > 0
            AND (SELECT count() FROM payments WHERE {_IN_SPAN} AND converted IS NULL) > 0
        GROUP BY currency ORDER BY currency
    """
    return Statement(sql, _span(span))


def compile_payers_with_events(span: Span, events_from: int) -> Statement:
    """Return the statement for one number: payers of a span who have an event in it, from `events_from` on.

    Asked this way round, since payers are fewer than visitors.
    """
    sql = f"""
        SELECT uniqExact(visitor_id) AS payers
        FROM events
        WHERE site_id = {{site:UInt32}}
            AND day BETWEEN {{first_day:Date}} AND {{last_day:Date}}
            AND timestamp >= toDateTime({{events_from:UInt32}}, 'UTC')
            AND timestamp <= toDateTime({{end:UInt32}}, 'UTC')
            AND visitor_id IN (SELECT visitor_id FROM payments FINAL WHERE {_IN_SPAN} AND {_COUNTS})
    """
    counted_from = max(span.start, events_from)
    params = {
        **_span(span),
        "events_from": counted_from,
        "first_day": _day(max(counted_from - _DAY_S, 0)),
        "last_day": _day(span.end + _DAY_S),
    }
    return Statement(sql, params)


def compile_new_customers(span: Span) -> Statement:
    """Return the statement for one number: customers whose first payment of all lies in a span."""
    sql = f"SELECT countIf({IS_FIRST}) AS customers FROM payments FINAL WHERE {_IN_SPAN}"
    return Statement(sql, _span(span))


def compile_series(span: Span, bucket: Bucket, timezone: str, *, split: bool) -> Statement:
    """Return the statement for a span's money by local day, or by quarter of an hour, which meets every zone's hours.

    Shape: `slot` is a date, or the number of the quarter since 1970; slots without payments have no row.
    """
    slot = "intDiv(toUnixTimestamp(paid_at), 900)" if bucket is Bucket.HOUR else "toDate(paid_at, {zone:String})"
    parts = {
        "paid": "NOT is_refund",
        "refunded": "is_refund",
        **(
            {
                "first_payments": IS_FIRST,
                "renewals": f"NOT is_refund AND is_recurring AND NOT {IS_FIRST}",
                "one_time_repeat": f"NOT is_refund AND NOT is_recurring AND NOT {IS_FIRST}",
            }
            if split
            else {}
        ),
    }
    columns = ", ".join(
        f"toString(ifNull(sumIf(converted, {condition}), 0)) AS {name}" for name, condition in parts.items()
    )
    sql = f"SELECT {slot} AS slot, {columns} FROM payments FINAL WHERE {_IN_SPAN} GROUP BY slot ORDER BY slot"
    return Statement(sql, {**_span(span), "zone": timezone})


def compile_balance(site_id: int, at: int) -> Statement:
    """Return the statement for recurring revenue at an instant, and from how many customers it comes."""
    sql = f"""
        SELECT toString(sum(monthly_term)) AS mrr, uniqExactIf(customer_id, monthly_term > 0) AS customers
        FROM payments FINAL
        WHERE {_OF_SITE} AND is_recurring
            AND paid_at >= toDateTime({{earliest:UInt32}}, 'UTC') AND paid_at <= toDateTime({{at:UInt32}}, 'UTC')
            AND covered_until > toDateTime({{at:UInt32}}, 'UTC')
    """
    return Statement(sql, {"site": site_id, "at": at, "earliest": max(0, at - _LONGEST_COVERAGE_S)})


_COUNTED = f"{_OF_SITE} AND is_recurring AND monthly_term > 0 AND covered_until > paid_at"
_EARLIER_CUSTOMERS = f"""
    SELECT customer_id FROM payments FINAL WHERE {_COUNTED} AND paid_at < toDateTime({{start:UInt32}}, 'UTC')
"""


def compile_movement(span: Span, known_until: int) -> Statement:
    """Return the statement for one row: recurring revenue just before a span, and how it moved until `known_until`.

    Amounts are text, and `customers` those with a balance before. Columns: start, customers, and as of each movement.
    """
    starts, known = "toDateTime({start:UInt32}, 'UTC')", "toDateTime({known_until:UInt32}, 'UTC')"
    balances = f"""
        SELECT
            sumIf(monthly_term, paid_at < {starts} AND covered_until >= {starts}) AS before,
            sumIf(monthly_term, covered_until >= {starts} AND covered_until > {known}) AS after,
            min(paid_at) < {starts} AS was_customer
        FROM payments FINAL
        WHERE {_COUNTED} AND paid_at <= {known}
        GROUP BY customer_id
        HAVING before != 0 OR after != 0
    """
    sql = f"""
        SELECT
            toString(sum(before)) AS start,
            countIf(before > 0) AS customers,
            toString(sumIf(after, before = 0 AND NOT was_customer)) AS new,
            toString(sumIf(after, before = 0 AND was_customer)) AS reactivation,
            toString(sumIf(after - before, before > 0 AND after > before)) AS expansion,
            toString(sumIf(before - after, after > 0 AND after < before)) AS contraction,
            toString(sumIf(before, after = 0)) AS churn,
            countIf(before = 0 AND NOT was_customer) AS new_customers,
            countIf(before = 0 AND was_customer) AS reactivated_customers,
            countIf(after = 0) AS churned_customers
        FROM ({balances})
    """
    return Statement(sql, {"site": span.site_id, "start": span.start, "known_until": known_until})


# What a change of a balance is: one number with the step before the amount, as arrays of numbers are sorted in a
# quarter of the time of arrays of tuples. Amounts are millionths, as decimals of six places are stored; all of a
# customer's together stay below half of the unit.
_STEP_UNIT: Final = "bitShiftLeft(toInt128(1), 96)"
_HALF_STEP: Final = "bitShiftLeft(toInt128(1), 95)"
_NEW, _REACTIVATION, _EXPANSION, _CONTRACTION, _CHURN = range(1, 6)


def compile_movements(span: Span, steps: Steps) -> Statement:
    """Return the statement for movements of recurring revenue, one row a step at which any customer's balance moved.

    The ends of the steps are numbered from 1; 0 is the second before the first. A payment counts at the ends from the
    first that is not before `paid_at` to the last before `covered_until`, so per customer it is one change up and one
    down, and the running sum of changes is the balance; after the last change of a step it is what the step ends with.
    Only payments that reach into the span are added up; who had one before, still counting or not, is no new customer.
    Shape: `step` 0 holds the balance that is there at the start; amounts are millionths as text.
    """
    covered_from, covered_to = (_step_of(column, steps) for column in ("paid_at", "covered_until"))
    covers = f"""
        SELECT
            customer_id, {covered_from} AS covered_from, {covered_to} AS covered_to,
            reinterpret(monthly_term, 'Int128') AS term
        FROM payments FINAL
        WHERE {_COUNTED} AND covered_until >= toDateTime({{start:UInt32}}, 'UTC')
            AND paid_at >= toDateTime({{earliest:UInt32}}, 'UTC')
            AND paid_at <= toDateTime({{known_until:UInt32}}, 'UTC')
    """
    changes = f"""
        SELECT
            if(customer_id IN ({_EARLIER_CUSTOMERS}), 0, min(covered_from)) AS first_step,
            arraySort(arrayConcat(
                groupArrayIf(covered_from * {_STEP_UNIT} + term, covered_from < covered_to),
                groupArrayIf(covered_to * {_STEP_UNIT} - term, covered_from < covered_to)
            )) AS changes
        FROM ({covers})
        GROUP BY customer_id
        HAVING notEmpty(changes)
    """
    balances = f"""
        SELECT
            first_step,
            arrayMap(change -> toInt32(bitShiftRight(change + {_HALF_STEP}, 96)), changes) AS steps,
            arrayCumSum(arrayMap((change, step) -> change - step * {_STEP_UNIT}, changes, steps)) AS sums,
            arrayPushBack(arrayPopFront(steps), -1) AS following,
            arrayFilter((step, next) -> step != next, steps, following) AS ends,
            arrayFilter((balance, step, next) -> step != next, sums, steps, following) AS balances,
            arrayPushFront(arrayPopBack(balances), toInt128(0)) AS former
        FROM ({changes})
    """
    moves = f"""
        SELECT
            step,
            multiIf(
                before = 0, if(first_step < step, {_REACTIVATION}, {_NEW}),
                after = 0, {_CHURN},
                after > before, {_EXPANSION}, {_CONTRACTION}
            ) AS kind,
            sum(abs(after - before)) AS amount,
            count() AS customers
        FROM ({balances})
        ARRAY JOIN ends AS step, balances AS after, former AS before
        WHERE step <= {{count:UInt32}} AND after != before
        GROUP BY step, kind
    """
    sql = f"""
        SELECT
            step,
            toString(sumIf(amount, kind = {_NEW})) AS new,
            toString(sumIf(amount, kind = {_REACTIVATION})) AS reactivation,
            toString(sumIf(amount, kind = {_EXPANSION})) AS expansion,
            toString(sumIf(amount, kind = {_CONTRACTION})) AS contraction,
            toString(sumIf(amount, kind = {_CHURN})) AS churn,
            sumIf(customers, kind = {_NEW}) AS new_customers,
            sumIf(customers, kind = {_REACTIVATION}) AS reactivated_customers,
            sumIf(customers, kind = {_CHURN}) AS churned_customers
        FROM ({moves})
        GROUP BY step
        ORDER BY step
    """
    params = {
        "site": span.site_id,
        "start": span.start,
        "earliest": max(0, span.start - _LONGEST_COVERAGE_S),
        "known_until": steps.known_until,
        "zone": steps.timezone,
        "first": steps.first.isoformat(),
        "count": steps.count,
    }
    return Statement(sql, params)


def _step_of(column: str, steps: Steps) -> str:
    """Return the number of the first end of a step that is not before an instant, `count + 1` where none is."""
    day = f"toDate({column}, {{zone:String}})"
    days = f"dateDiff('day', {{first:Date}}, {day})"
    of_bucket = {
        Bucket.DAY: days,
        Bucket.WEEK: f"intDiv({days}, 7)",
        Bucket.MONTH: f"dateDiff('month', {{first:Date}}, {day})",
    }
    return f"""
        toInt64(multiIf(
            {column} < toDateTime({{start:UInt32}}, 'UTC'), 0,
            {column} > toDateTime({{known_until:UInt32}}, 'UTC'), {{count:UInt32}} + 1,
            {of_bucket[steps.bucket]} + 1
        ))
    """


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _span(span: Span) -> dict[str, object]:
    return {"site": span.site_id, "start": span.start, "end": span.end}
