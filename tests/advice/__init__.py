"""Tests of ``cellmap_data.advice``."""
