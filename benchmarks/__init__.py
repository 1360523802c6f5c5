"""Measurements: every figure in docs/performance.md comes from here."""
