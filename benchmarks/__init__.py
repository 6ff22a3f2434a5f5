"""Measurements of speed. Not tests: they print what they measured and on what, and judge nothing."""
