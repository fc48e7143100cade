"""The session: traces in, one replayed device after the other out."""
