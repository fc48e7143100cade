"""Reader of CTF traces through libbabeltrace2, in a separate process (`child`).

That process must start fast: nothing here imports the rest of tracetool, polars or numpy.
"""
