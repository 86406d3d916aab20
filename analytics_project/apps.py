from django.apps import AppConfig


class AnalyticsProjectConfig(AppConfig):
    name = "analytics_project"

    def ready(self) -> None:
        """Register the start-up checks."""
        from analytics_project import checks  # noqa: F401, PLC0415 - once the settings are complete
