"""The library: traces opened for notebooks, scripts and the command line; `tracetool` exports its names."""
