"""Routes under `/js/`."""

from django.urls import path

from stats.tracker.views import tracker_script

urlpatterns = [path("<str:file_name>", tracker_script, name="tracker-script")]
