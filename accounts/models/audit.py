"""The audit log: who did what."""

from django.db import models

from accounts.models.keys import ApiKey, PluginsToken
from accounts.models.people import User
from analytics_project import clock


class AuditEntry(models.Model):
    """Who did what to which record, and with which key; or which plugin did. All are empty for the command line."""

    who = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="audit_entries")
    key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="audit_entries")
    token = models.ForeignKey(
        PluginsToken, on_delete=models.SET_NULL, null=True, blank=True, related_name="audit_entries"
    )
    action = models.CharField(max_length=60, db_index=True)
    target = models.CharField(max_length=300)
    at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action}: {self.target}"
