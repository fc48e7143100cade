"""The terminal app: widgets over `tracetool.viewmodel`, and the only place that knows textual."""
