"""Payment providers: what their webhooks say, made plain outcomes; signatures checked, nothing looked up or stored.

One module a provider, each with its own table of minor units, since none of them follows ISO 4217 throughout. Imports
values only (`revenue.types`). Source: Goals and Revenue API contract, 3.6.
"""
