"""Degradation dials, one file each."""
