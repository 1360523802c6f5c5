"""What every contender in Python does: deliver batches when told to, and say how long it took.

A contender is a process of its own, in an environment of its own. It is given its task as one argument of
JSON, prints one line of JSON when it is made, and then answers each command, a line on standard
input, with a line of JSON:

``first FOLDER``
    takes a batch and writes its arrays there, for the driver to compare with the truth
``run COUNT [KIND MILLISECONDS]``
    takes so many batches, each followed by a step of that length, and says how many seconds that took, and
    how many of them the step waited

CPU time and memory are looked at from outside. This file runs with every peer, so it imports none.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np


def serve(make, places_of=None):
    """Serve commands until standard input ends.

    Parameters
    ----------
    make : callable
        Gets the task (:class:`benchmarks.tasks.Task` and :class:`~benchmarks.tasks.Setting` as one namespace)
        and returns an endless iterator of batches: dictionaries with ``raw`` of shape (batch, 1, z, y, x) and
        ``labels`` of shape (batch, classes, z, y, x).
    places_of : callable, optional
        Gets the task and a batch and returns the first voxels of its patches as lists, or None.
    """
    task = SimpleNamespace(**json.loads(sys.argv[1]))
    answers = sys.stdout
    sys.stdout = sys.stderr  # what a package prints is no answer
    batches = iter(make(task))
    say(answers, {"ready": True})
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "first":
            batch = next(batches)
            places = None if places_of is None else places_of(task, batch)
            say(answers, {"arrays": write(batch, Path(arguments[0])), "places": places})
        elif command == "run":
            say(answers, run(batches, task.batch, int(arguments[0]), step_of(*arguments[1:])))
        else:
            raise SystemExit(f"unknown command: {line}")


def say(stream, answer):
    """One line of JSON."""
    print(json.dumps(answer), file=stream, flush=True)


def run(batches, size, count, step=None):
    """Take ``count`` batches, each followed by the step."""
    waited, began = 0.0, time.perf_counter()
    for _ in range(count):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        if step:
            step(batch)
    return {"seconds": time.perf_counter() - began, "samples": count * size, "waited": waited}


def step_of(kind=None, milliseconds="0"):
    """What stands for the model: ``sleep`` for a GPU, ``matmul`` for a model on the processor."""
    seconds = float(milliseconds) / 1e3
    if not seconds:
        return None
    if kind == "sleep":
        return lambda _batch: time.sleep(seconds)
    import torch

    left, right = torch.rand(256, 256), torch.rand(256, 256)

    def multiply(_batch):
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            torch.mm(left, right)

    return multiply


def write(batch, folder):
    """Write the arrays of a batch, and say what they are."""
    arrays = {}
    for key in ("raw", "labels"):
        array = np.ascontiguousarray(batch[key])
        array.tofile(folder / key)
        arrays[key] = {"dtype": str(array.dtype), "shape": array.shape}
    return arrays
