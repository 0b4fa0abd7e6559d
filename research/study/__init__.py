"""Studies that take minutes, or files that are not shipped; RESULTS.md quotes them."""
