"""Events in, numbers out: intake, the event store, the query engine and the Stats APIs.

`ingest` turns a request into rows, `store` is the single gate to ClickHouse, `query` compiles every number that
anybody sees. Imports accounts; goals and revenue come in as plain values, through selectors at the edges.
"""
