"""The audit: do ledger, call keys and rollups agree, and if not, what mends them."""
