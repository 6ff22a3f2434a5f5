"""Behaviours, one file each."""
