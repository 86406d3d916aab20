"""What plugins are told of their API, in the form of `analytics_project.documentation`: an own document."""
