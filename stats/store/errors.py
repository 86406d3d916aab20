"""What a failure of ClickHouse means to a caller: its error codes sorted into our errors, its text kept from clients.

The database's own sentence can quote stored values and names of tables, so it goes to the log and never into an answer.
"""

import logging
from collections.abc import Mapping

from clickhouse_connect.driver.exceptions import Error

from analytics_project.errors import AppError, InvalidQuery, InvalidRows, StoreBusy, StoreTimeout, StoreUnavailable

logger = logging.getLogger(__name__)

_TOO_LARGE = "the query needs more memory than one query may use; narrow its period, filters or dimensions"
_BUSY = "the event store is busy; try again in a moment"
_SLOW = "the query took longer than one query may take; narrow its period, filters or dimensions"
_DISK = "the event store cannot write to its disk; nothing was stored"
_NETWORK = "the event store cannot be reached"
_REFUSED = "the event store refuses the credentials in EVENTS_URL"
_ROWS = "rows do not fit the columns of the event store"
_SCHEMA = "the event store has no current schema; run manage.py migrate_events"

_BY_CODE: Mapping[int, tuple[type[AppError], str]] = {
    # What the caller asked for cannot be computed as asked.
    158: (InvalidQuery, _TOO_LARGE),  # TOO_MANY_ROWS
    307: (InvalidQuery, _TOO_LARGE),  # TOO_MANY_BYTES
    396: (InvalidQuery, _TOO_LARGE),  # TOO_MANY_ROWS_OR_BYTES
    306: (InvalidQuery, "the filters are nested too deeply"),  # TOO_DEEP_RECURSION
    427: (InvalidQuery, "a pattern is not a valid regular expression"),  # CANNOT_COMPILE_REGEXP
    457: (InvalidQuery, "a value does not fit its field"),  # BAD_QUERY_PARAMETER
    # What was to be written does not fit its columns.
    26: (InvalidRows, _ROWS),  # CANNOT_PARSE_QUOTED_STRING
    27: (InvalidRows, _ROWS),  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
    38: (InvalidRows, _ROWS),  # CANNOT_PARSE_DATE
    41: (InvalidRows, _ROWS),  # CANNOT_PARSE_DATETIME
    69: (InvalidRows, _ROWS),  # ARGUMENT_OUT_OF_BOUND
    72: (InvalidRows, _ROWS),  # CANNOT_PARSE_NUMBER
    117: (InvalidRows, _ROWS),  # INCORRECT_DATA
    130: (InvalidRows, _ROWS),  # CANNOT_READ_ARRAY_FROM_TEXT
    # Capacity: the same statement may succeed later.
    202: (StoreBusy, _BUSY),  # TOO_MANY_SIMULTANEOUS_QUERIES
    241: (StoreBusy, _TOO_LARGE),  # MEMORY_LIMIT_EXCEEDED
    252: (StoreBusy, _BUSY),  # TOO_MANY_PARTS
    439: (StoreBusy, _BUSY),  # CANNOT_SCHEDULE_TASK
    473: (StoreBusy, _BUSY),  # DEADLOCK_AVOIDED
    745: (StoreBusy, _BUSY),  # SERVER_OVERLOADED
    159: (StoreTimeout, _SLOW),  # TIMEOUT_EXCEEDED
    160: (StoreTimeout, _SLOW),  # TOO_SLOW
    # The store or what is under it is not there.
    60: (StoreUnavailable, _SCHEMA),  # UNKNOWN_TABLE
    81: (StoreUnavailable, "the database named in EVENTS_URL does not exist"),  # UNKNOWN_DATABASE
    75: (StoreUnavailable, _DISK),  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
    76: (StoreUnavailable, _DISK),  # CANNOT_OPEN_FILE
    169: (StoreUnavailable, _DISK),  # CANNOT_CREATE_DIRECTORY_OR_FILE_IS_DIRECTORY
    243: (StoreUnavailable, _DISK),  # NOT_ENOUGH_SPACE
    1001: (StoreUnavailable, _DISK),  # STD_EXCEPTION, which is how a full disk surfaces from the standard library
    164: (StoreUnavailable, "the user in EVENTS_URL may only read"),  # READONLY
    192: (StoreUnavailable, _REFUSED),  # UNKNOWN_USER
    193: (StoreUnavailable, _REFUSED),  # WRONG_PASSWORD
    497: (StoreUnavailable, _REFUSED),  # ACCESS_DENIED
    516: (StoreUnavailable, _REFUSED),  # AUTHENTICATION_FAILED
    198: (StoreUnavailable, _NETWORK),  # DNS_ERROR
    209: (StoreUnavailable, _NETWORK),  # SOCKET_TIMEOUT
    210: (StoreUnavailable, _NETWORK),  # NETWORK_ERROR
    225: (StoreUnavailable, "the cluster has no coordination service"),  # NO_ZOOKEEPER
    242: (StoreUnavailable, "the table is read-only, its coordination service is away"),  # TABLE_IS_READ_ONLY
    279: (StoreUnavailable, _NETWORK),  # ALL_CONNECTION_TRIES_FAILED
    285: (StoreUnavailable, _NETWORK),  # TOO_FEW_LIVE_REPLICAS
    999: (StoreUnavailable, "the cluster's coordination service failed"),  # KEEPER_EXCEPTION
}


def store_error(error: Error | OSError, *, tag: str) -> AppError:
    """Return our error for a failure of the store and log what the store said, under the statement's tag.

    A failure without a code never reached the database, or lost it; a code that is not in the table is a statement we
    got wrong, which is a plain AppError (500).
    """
    logger.warning("event store, %s: %s", tag, error)
    if isinstance(error, OSError):
        return StoreUnavailable(_DISK)
    if error.code is None:
        return StoreUnavailable(_NETWORK)
    kind, sentence = _BY_CODE.get(error.code, (AppError, "the event store could not run a statement; the log says why"))
    return kind(sentence)
