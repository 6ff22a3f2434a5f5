"""Networks as torch runs them, and how they are trained. Nothing here is imported to read a declaration."""
