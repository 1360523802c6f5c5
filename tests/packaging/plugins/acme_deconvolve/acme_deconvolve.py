"""Stands for a package whose compiled part was built against something older."""

raise ImportError("acme_deconvolve was compiled for numpy 1 and cannot be used with numpy 2")
