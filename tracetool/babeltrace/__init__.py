"""Everything that touches libbabeltrace2; it runs in a process of its own, see `child`.

That process must start at once: nothing here imports the rest of tracetool, polars or numpy.
"""
