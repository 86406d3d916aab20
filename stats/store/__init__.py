"""The event store: one client for embedded chDB and ClickHouse servers, its schema and its row format.

Knows no ORM and no HTTP; imports leaves only. SQL lives here and in stats.query's metrics, dimensions and compile.
"""
