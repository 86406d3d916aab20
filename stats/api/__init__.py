"""The Stats APIs on the wire: thin views, and presenters that turn query results into each version's shape."""
