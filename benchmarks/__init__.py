"""Measurements: the tables of docs/performance.md come from here."""
