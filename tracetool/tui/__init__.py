"""The terminal app: widgets over `tracetool.viewmodel`, and the only place that knows textual."""

from os import environ

environ.setdefault("ESCDELAY", "25")  # ms; textual, which reads it when it is imported, would wait for 100
