"""Composition root: settings, routes, the ASGI callable, start-up checks, error and clock primitives.

No business rule lives here. `env`, `errors` and `clock` are leaves that every package may import; `settings`,
`urls`, `asgi` and `checks` may import anything and are imported by nobody.
"""
