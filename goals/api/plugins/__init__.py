"""The Plugins API under `/api/plugins/v1`: one token, one site (Plugins API contract)."""
