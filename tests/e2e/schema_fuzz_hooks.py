"""What Schemathesis has to be told of our media types; it loads this file itself, see `test_schema_fuzz`."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def newline_delimited(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Return a list as one JSON value a line, anything else as its text."""
    lines = value if isinstance(value, list) else [value]
    return b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
