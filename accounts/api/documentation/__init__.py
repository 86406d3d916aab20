"""What clients are told of the Sites API, in the form of `analytics_project.documentation` (Sites API contract)."""
