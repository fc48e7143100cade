"""Fleets: the audits of many runs in one table, and what the table says of all of them."""
