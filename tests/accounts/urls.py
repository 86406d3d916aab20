"""The admin and what its links lead to, for tests that need no other route."""

from django.contrib import admin
from django.urls import path

from accounts.invitation_view import invitation

urlpatterns = [path("admin/", admin.site.urls), path("invitations/<str:token>", invitation)]
