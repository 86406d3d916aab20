"""The roles that people have in teams and, as guests, on sites."""

from django.db import models

from accounts.models.columns import choices_of
from accounts.models.people import User
from accounts.models.sites import Site
from accounts.models.teams import Team
from accounts.types import GuestRole, Role


class Membership(models.Model):
    """A person's one role in a team."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=choices_of(Role))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "team"], name="membership_one_role_per_team")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.team}"


class GuestMembership(models.Model):
    """A person's role on a single site of a team that they are not a member of."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="guests")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="guest_memberships")
    role = models.CharField(max_length=10, choices=choices_of(GuestRole))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "user"], name="guest_one_role_per_site")]

    def __str__(self) -> str:
        return f"{self.user} is guest {self.role} of {self.site}"
