"""The terminal app: widgets over `tracetool.browse`, and the only place that knows textual."""
