"""What counts as success on a site: goals, and later funnels and custom properties.

Imports accounts and stats. Holds no SQL: a conversion is a query with a goal filter.
"""
