"""A module that is a plugin."""

from __future__ import annotations

from cellmap_data.hookspecs import hookimpl

priority = 4


@hookimpl
def post_sample(sample):
    return [*sample, "module"]
