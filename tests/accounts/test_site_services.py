"""What housekeeping forgets: names that sites gave up, and invitations that nobody accepted."""

from datetime import timedelta

import pytest

from accounts.invitation_services import forget_lapsed_invitations
from accounts.models import INVITATION_LIFE, OLD_DOMAIN_GRACE, GuestInvitation, Site, TeamInvitation
from accounts.site_services import sweep_old_domains
from analytics_project import clock
from tests.factories import make_site

pytestmark = pytest.mark.django_db


def test_names_are_forgotten_once_their_grace_is_over() -> None:
    now = clock.now()
    over = make_site(previous_domain="over.example", domain_changed_at=now - OLD_DOMAIN_GRACE)
    make_site(previous_domain="in-grace.example", domain_changed_at=now - OLD_DOMAIN_GRACE + timedelta(minutes=1))
    make_site()
    assert sweep_old_domains(OLD_DOMAIN_GRACE) == 1
    over.refresh_from_db()
    assert (over.previous_domain, over.domain_changed_at) == ("", None)
    assert Site.objects.filter(previous_domain="in-grace.example").exists()


def test_invitations_are_forgotten_once_they_have_lapsed() -> None:
    site, now = make_site(), clock.now()
    for email, age in (("old@a.example", INVITATION_LIFE), ("new@a.example", INVITATION_LIFE - timedelta(minutes=1))):
        hashed = email.encode().ljust(32)
        GuestInvitation.objects.create(site=site, email=email, role="viewer", hash=hashed, created_at=now - age)
        TeamInvitation.objects.create(team=site.team, email=email, role="admin", hash=hashed, created_at=now - age)
    assert forget_lapsed_invitations() == 2
    assert GuestInvitation.objects.get().email == TeamInvitation.objects.get().email == "new@a.example"
