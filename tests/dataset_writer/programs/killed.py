"""Predict a volume again and again, killed at random moments; then once to the end.

    python killed.py RAW OUT KILLS SEED

Everything is imported once and each attempt is a fork of a process that never read. Prints how many attempts
were killed while they predicted, and how many regions each of them found done.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time

from cellmap_data import CellMapDatasetWriter
from tests.dataset_writer.models import CUBE, double

_STEP = 0.015  # of several hundred: so that on no machine a prediction ends before it was killed often enough


def predict(raw: str, out: str, pipe: int) -> None:
    """One attempt; says on the pipe how many regions are left when it begins."""
    writer = CellMapDatasetWriter(raw, out, ["nuc"], {"raw": CUBE}, {"output": CUBE}, resume=True)

    def model(x):
        nonlocal pipe
        if pipe:
            os.close(pipe)
            pipe = 0
        time.sleep(_STEP)
        return double(x)

    writer.predict(model, batch_size=4, overlap=2, window_bytes=8**3 * 8)


def attempt(raw: str, out: str, delay: float | None) -> int:
    """Fork, wait until the model is called for the first time, kill after a delay; the exit status."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        predict(raw, out, write)
        os._exit(0)
    os.close(write)
    os.read(read, 1)
    os.close(read)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(raw: str, out: str, kills: str, seed: str) -> None:
    """Be killed so often, then finish."""
    rng = random.Random(int(seed))
    killed = [attempt(raw, out, rng.uniform(0, 0.2)) for _ in range(int(kills))]
    print(json.dumps({"killed": killed, "last": attempt(raw, out, None)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
