"""Invitations to teams and sites."""

from datetime import timedelta
from typing import Final

from django.db import models

from accounts.models.columns import choices_of
from accounts.models.people import User
from accounts.models.sites import Site
from accounts.models.teams import Team
from accounts.types import GuestRole, Role
from analytics_project import clock

INVITATION_LIFE: Final = timedelta(hours=48)


class Invitation(models.Model):
    """An offer, sent by e-mail, that stands for 48 hours. Only the hash of its token is kept."""

    email = models.EmailField("e-mail address")
    hash = models.BinaryField(max_length=32, unique=True, editable=False)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        abstract = True


class GuestInvitation(Invitation):
    """An offer to become a guest of a site."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="guest_invitations")
    role = models.CharField(max_length=10, choices=choices_of(GuestRole))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "email"], name="guest_invitation_once_per_site")]

    def __str__(self) -> str:
        return f"{self.email} is invited to {self.site} as {self.role}"


class TeamInvitation(Invitation):
    """An offer to become a member of a team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=10, choices=choices_of(Role))

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "email"], name="team_invitation_once_per_team")]

    def __str__(self) -> str:
        return f"{self.email} is invited to {self.team} as {self.role}"
