"""The Regimescope dashboard."""
