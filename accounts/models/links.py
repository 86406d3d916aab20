"""Shared links to a site's statistics."""

import secrets
from typing import Final

from django.db import models

from accounts.models.sites import Site

SLUG_CHARACTERS: Final = 21
MAX_LINK_NAME_CHARACTERS: Final = 255


def make_slug() -> str:
    """Return 21 random characters of `A–Z a–z 0–9 _ -`, for addresses that nobody can guess."""
    return secrets.token_urlsafe(16)[:SLUG_CHARACTERS]


class SharedLink(models.Model):
    """A link under which everybody who has it may see a site's statistics. The name is unique per site, as written.

    Its slug opens the Stats API too, as a bearer's key; with a password behind a colon where it has one.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="shared_links")
    name = models.CharField(max_length=MAX_LINK_NAME_CHARACTERS)
    slug = models.CharField(max_length=SLUG_CHARACTERS, unique=True, default=make_slug, editable=False)
    password_hash = models.CharField(max_length=128, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "name"], name="shared_link_name_once_per_site")]

    def __str__(self) -> str:
        return self.name
