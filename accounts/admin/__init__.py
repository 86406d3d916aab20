"""The admin's pages of people, teams, sites and keys; Django finds them by importing this package."""

from accounts.admin import audit, invitations, keys, people, sites, teams  # noqa: F401
