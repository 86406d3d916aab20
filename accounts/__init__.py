"""Who may see what: users, teams, sites, keys and tokens, plans, and the one authorised way to a site.

Imports nothing from the other apps, except that the admin shows what intake took for a site. `selectors.site_for` is
the only road from a request to a site; keys and tokens are stored as hashes and shown once.
"""
