"""Plotly as npm publishes it, kept in the repository so that the dashboard needs no network."""
