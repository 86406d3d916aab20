"""Credit → sub-query: which touches of a path get how much of an amount, so that no part of it is lost or made.

A path is the touches within the lookback up to the anchor. A model picks one of them, or gives each a weight: an amount
is cut by the weights in whole minor units, the largest remainders first and the earlier touch of equals; what is left
below a unit follows the same order.
"""

from dataclasses import replace
from typing import Final

from stats.query.compile_filters import Scope
from stats.query.identities import with_canonical
from stats.query.money.attribution import DAY_S, SINGLE_TOUCH, Crediting, Model
from stats.query.money.compile_credited import FIRST_PAYMENTS, NEGATIVE, OWN, credited
from stats.query.money.compile_touches import FAILS, IS_DIRECT, NUMBER, SECOND, touches, values_of_touches

_HALF_LIFE_S: Final = 7 * DAY_S
_FULL_WEIGHT_BITS: Final = 40  # of time decay; a year is 52 half-lives, and no touch weighs less than 1

# Touches lie in their order, so each end of the path needs one comparison, with the lowest and the highest of a second.
_BOUNDS: Final = """
    bitShiftLeft(toUInt64(greatest(toInt64(anchor_at) - {lookback:UInt32}, 0)), 32) AS lowest,
    bitShiftLeft(toUInt64(anchor_at), 32) + 4294967295 AS highest
"""
# Each is named where it is made: text that repeats costs a small site's report more than the work.
_LATEST: Final = "(touches[arrayCount(one -> one <= highest, touches)] AS latest)"
_EARLIEST: Final = "(touches[arrayCount(one -> one < lowest, touches) + 1] AS earliest)"
# For each touch of a visitor the latest up to it that is not Direct; Direct ones before all of them stay.
_KNOWN_SO_FAR: Final = f"arrayFill(one -> NOT {IS_DIRECT.format('one')}, touches)"
_KNOWN: Final = "(known_so_far[arrayCount(one -> one <= highest, touches)] AS known)"
_CHOSEN: Final = {
    Model.FIRST_TOUCH: f"if({_EARLIEST} <= highest, earliest, 0)",
    Model.LAST_TOUCH: f"if({_LATEST} >= lowest, latest, 0)",
    Model.LAST_NON_DIRECT: (
        f"multiIf({_KNOWN} >= lowest AND NOT {IS_DIRECT.format('known')}, known, {_LATEST} >= lowest, latest, 0)"
    ),
}
_PATH: Final = "arrayFilter(one -> one BETWEEN lowest AND highest, touches)"
_NEVER_EMPTY: Final = "if(empty(path), arrayResize(path, 1), path)"
_WEIGHTS: Final = {
    Model.LINEAR: "arrayMap(one -> toInt128(1), path)",
    Model.POSITION: (
        "arrayMap(place -> toInt128(multiIf(length(path) < 3, 1, place = 1 OR place = length(path), "
        "2 * (length(path) - 2), 1)), arrayEnumerate(path))"
    ),
    Model.TIME_DECAY: (
        f"arrayMap(one -> greatest(toInt128(1), toInt128(round(exp2({_FULL_WEIGHT_BITS} - "
        f"(toInt64({SECOND.format('path[-1]')}) - toInt64({SECOND.format('one')})) / {_HALF_LIFE_S})))), path)"
    ),
}
# `rest` is what whole units leave of the amount; it goes to touches in the order of their remainders, a unit each.
_SHARES_OF_TOUCHES: Final = """
    arraySum(weights) AS whole,
    arrayMap(weight -> intDiv(micros * weight, whole * {unit:Int128}) * {unit:Int128}, weights) AS floors,
    arrayMap((weight, floor) -> floor * whole - micros * weight, weights, floors) AS shortages,
    arraySort((place, shortage) -> (shortage, place), arrayEnumerate(path), shortages) AS order,
    arraySort((turn, place) -> place, arrayEnumerate(path), order) AS turns,
    micros - arraySum(floors) AS rest,
    arrayMap(
        (floor, turn) -> floor + least(greatest(rest - (turn - 1) * {unit:Int128}, 0), {unit:Int128}), floors, turns
    ) AS shares
"""


def bind(asked: Crediting, scope: Scope) -> None:
    """Bind the parameters that every part of a statement about credit names."""
    scope.params |= {
        "site": asked.span.site_id,
        "start": asked.span.start,
        "end": asked.span.end,
        "since": asked.since,
        "lookback": asked.lookback_days * DAY_S,
        "unit": asked.minor_unit,
    }


def credit_by_value(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return what each value earned: value, gross and refunded (millionths), payments (by shares), customers."""
    return f"""
        SELECT {_value(asked, dimension, scope)} AS value, gross, refunded, payments, customers
        FROM (
            SELECT
                place, sum(paid) AS gross, sum(returned) AS refunded, sum(part) AS payments,
                uniqExactIf(customer_id, part > 0) AS customers
            FROM ({_shares(asked, dimension, scope)})
            WHERE passes
            GROUP BY place
        )
    """


def paths(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return what is credited, as `credited` does, each with its path."""
    return f"SELECT *, {_PATH} AS path FROM ({_beside_touches(asked, dimension, scope)})"


def values_of_path(asked: Crediting, dimension: str, scope: Scope, path: str) -> str:
    """Return the expression of the texts of numbers."""
    return f"arrayMap(number -> arrayElement({values_of_touches(asked, dimension, scope)}, number), {path})"


def first_payment_credit(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return what the first payments of a span's new customers are put down to, by a model of a single touch.

    A sub-query, its parameters bound to `scope`: customer_id, first_at (unix seconds), value (NULL without a touch),
    passes (the filters of touches).
    """
    bind(asked, scope)
    return f"""
        SELECT customer_id, first_at, {_value(asked, dimension, scope, NUMBER.format("touch"))} AS value,
            {_passes(asked)} AS passes
        FROM (
            SELECT customer_id, anchor_at AS first_at, {_BOUNDS}, {_CHOSEN[asked.model]} AS touch
            FROM ({_anchored(asked, FIRST_PAYMENTS)}) AS customer
            LEFT ANY JOIN ({_touches(asked, dimension, scope)}) AS visitor
            ON customer.anchor_visitor = visitor.visitor_id
        )
    """


def _value(asked: Crediting, dimension: str, scope: Scope, place: str = "place") -> str:
    """Return what rows show: what a payment knows itself, else the value of a touch's number, NULL for nobody's."""
    if dimension in OWN:
        return place
    return f"if({place} = 0, NULL, arrayElement({values_of_touches(asked, dimension, scope)}, {place}))"


def _passes(asked: Crediting) -> str:
    nobody_passes = int(all(leaf.operator in NEGATIVE for leaf in asked.touch_filters))
    return f"if(touch = 0, {nobody_passes}, NOT {FAILS.format('touch')})"


def _shares(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return rows of credit: place (`own`, or a touch's number), customer_id, paid, returned, part, passes."""
    columns = "customer_id, gross AS paid, refunded AS returned, payments AS part"
    if dimension in OWN and not asked.touch_filters:
        sums = credited(replace(asked, model=Model.LAST_TOUCH), scope, dimension)
        return f"SELECT own AS place, {columns}, 1 AS passes FROM ({sums})"
    place = "own" if dimension in OWN else NUMBER.format("touch")
    beside = _beside_touches(asked, dimension, scope)
    if asked.model in SINGLE_TOUCH:
        return f"""
            SELECT {place} AS place, {columns}, {_passes(asked)} AS passes
            FROM (SELECT *, {_CHOSEN[asked.model]} AS touch FROM ({beside}))
        """
    return f"""
        SELECT
            {place} AS place, customer_id, {_passes(asked)} AS passes,
            if(is_refund, 0, share * n) AS paid,
            if(is_refund, share * n, 0) AS returned,
            if(is_refund, 0, n * (weight / whole)) AS part
        FROM (
            SELECT *, {_SHARES_OF_TOUCHES}
            FROM (
                SELECT * EXCEPT path, {_NEVER_EMPTY} AS path, {_WEIGHTS[asked.model]} AS weights
                FROM ({paths(asked, dimension, scope)})
            )
        )
        ARRAY JOIN path AS touch, shares AS share, weights AS weight
    """


def _beside_touches(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return what is credited, as `credited` does, beside its visitor's touches and the bounds of its path."""
    return f"""
        SELECT *, {_BOUNDS}
        FROM ({_anchored(asked, credited(asked, scope, dimension))}) AS credited
        LEFT ANY JOIN ({_touches(asked, dimension, scope)}) AS visitor ON credited.anchor_visitor = visitor.visitor_id
    """


def _anchored(asked: Crediting, rows: str) -> str:
    """Return rows whose `anchor_visitor` is the one under whom `touches` has the path."""
    return with_canonical(rows, "anchor_visitor") if asked.joins_visitors else rows


def _touches(asked: Crediting, dimension: str, scope: Scope) -> str:
    """Return the touches of each visitor who paid, with what the model needs to know of them beforehand."""
    rows = touches(asked, dimension, scope)
    if asked.model is Model.LAST_NON_DIRECT:
        return f"SELECT *, {_KNOWN_SO_FAR} AS known_so_far FROM ({rows})"
    return rows
