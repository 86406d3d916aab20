"""From the bytes of an event request to rows in the event store, accepted means kept.

One event's path: views → collector → payload → sites → enrichment (agents, geo, sources, channels, visitor) →
sessions → spool → writer → store. No ORM here but in views; sites, salts and goals come as values or through loaders.
"""
