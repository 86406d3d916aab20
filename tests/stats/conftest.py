"""What every test of events and numbers keeps watch over."""

from tests.one_site_watch import queries_read_one_site

__all__ = ["queries_read_one_site"]
