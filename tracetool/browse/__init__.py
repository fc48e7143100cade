"""View models: what the terminal app shows, as plain functions over the core; no library of user interfaces."""
