"""Money: dated exchange rates now; payments, recurring revenue and attribution later.

Imports all other apps. No floats: amounts are decimals or integer minor units.
"""
