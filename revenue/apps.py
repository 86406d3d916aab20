from django.apps import AppConfig
from django.db.models.signals import post_save


class RevenueConfig(AppConfig):
    name = "revenue"

    def ready(self) -> None:
        """Let payments follow when a visitor is erased."""
        from revenue.erasure_services import forget_payments  # noqa: PLC0415 - models are there from now on
        from stats.models import Erasure  # noqa: PLC0415

        post_save.connect(forget_payments, sender=Erasure, dispatch_uid="payments_of_an_erased_visitor")
