"""Reports: one module for each output."""
