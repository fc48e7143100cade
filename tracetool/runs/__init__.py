"""Run directories: one run of a guest, with its trace, its flash images before and after, and what was run."""
