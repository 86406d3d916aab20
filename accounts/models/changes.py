"""The mark that intake polls: it moves whenever a row that intake depends on is saved or deleted."""

from django.db import models
from django.db.models import F
from django.db.models.signals import post_delete, post_save

from accounts.models.shields import ShieldRule
from accounts.models.sites import Site
from accounts.models.teams import Team


class ChangeMark(models.Model):
    """One row with a number that moves, in the same transaction, whenever something that intake depends on changes."""

    number = models.BigIntegerField(default=1)


def mark_intake_change(**_signal: object) -> None:
    """Move the change mark; connected to every record that intake's picture of a site is made of."""
    if not ChangeMark.objects.filter(pk=1).update(number=F("number") + 1):
        ChangeMark.objects.get_or_create(pk=1)


for _record in (Site, ShieldRule, Team):
    for _signal in (post_save, post_delete):
        _signal.connect(mark_intake_change, sender=_record, dispatch_uid=f"intake_change_{_record.__name__}")
