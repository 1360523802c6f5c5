"""Plugins that the tests register; at the top level of a module, so that they travel."""

from __future__ import annotations

import numpy as np

from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import DataLoaderPlugin


class Appends(DataLoaderPlugin):
    """Appends its name to the list that is the sample, and to ``told`` for every batch."""

    def __init__(self, name="appends", priority=0):
        super().__init__(name, priority)
        self.told = []

    def get_hook_methods(self):
        return {"post_sample": "append", "pre_batch": "note"}

    def append(self, sample):
        return [*sample, self.name]

    def note(self, indices):
        self.told.append(indices)


class Marked:
    """The other way to write a plugin."""

    priority = 7

    @hookimpl
    def post_sample(self, sample):
        return [*sample, "marked"]


class Answers:
    """Answers ``open_array`` with what it was made with."""

    def __init__(self, answer=None, name="answers", priority=0):
        self.answer, self.name, self.priority = answer, name, priority

    @hookimpl
    def open_array(self):
        return self.answer


class Reader:
    """Has what a reader has, and reads nothing."""

    shape, dtype = (4,), np.dtype("u1")

    def read(self, box):
        return np.zeros(4, "u1")[box]

    def read_into(self, box, out):
        out[...] = 0


class Raises(DataLoaderPlugin):
    """Raises what it was made with, in every hook."""

    def __init__(self, error, name="raises"):
        super().__init__(name)
        self.error = error

    def get_hook_methods(self):
        return dict.fromkeys(["post_sample", "post_collate", "pre_batch", "open_array"], "fail")

    def fail(self):
        raise self.error


def run(manager, sample=()):
    """What the plugins make of a sample."""
    return manager.execute_hook("post_sample", list(sample), 3, None, True)
