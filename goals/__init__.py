"""What counts as success on a site: goals, funnels and custom properties; the Plugins API, which defines them.

Imports accounts and stats. Holds no SQL: a conversion is a query with a goal filter.
"""
