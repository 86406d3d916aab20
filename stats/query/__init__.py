"""The one query engine: parse → build → plan → compile → run, from raw parameters to typed rows.

Knows no API version: v1 and v2 differ in their parser and presenter only. A metric or a dimension is one entry in
one registry.
"""
