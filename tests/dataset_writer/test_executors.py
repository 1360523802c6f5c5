"""Work that is handed out: a bounded amount, tried again within limits; and jobs that share an output."""

from __future__ import annotations

import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from cellmap_data import CellMapDatasetWriter
from cellmap_data.dataset_writer.executors import Foreman
from cellmap_data.errors import PredictionError
from cellmap_data.testing import ramp, write_volume
from tests.dataset_writer.models import CUBE, same
from tests.dataset_writer.outputs import stored


class Counted:
    """Work that says how much of it goes on at once, and fails as often as a region is listed."""

    def __init__(self, failing=()) -> None:
        self.failing, self.done = list(failing), []
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, region: int) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            if region in self.failing:
                self.failing.remove(region)
                raise ValueError(f"no luck with {region}")
            self.done.append(region)
        finally:
            with self.lock:
                self.now -= 1


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_is_handed_out_than_allowed(at_once) -> None:
    """However many threads there are; the regions are taken as they are needed."""
    work, taken, finished = Counted(), [], []

    def regions():
        for region in range(40):
            taken.append(region)
            assert len(taken) - len(finished) <= at_once
            yield region

    with ThreadPoolExecutor(8) as pool:
        Foreman(lambda region: pool.submit(work, region), at_once, 0, lambda: finished.append(1)).run(
            regions()
        )
    assert sorted(work.done) == list(range(40))
    assert work.most <= at_once


def test_what_fails_is_tried_again_within_limits() -> None:
    """Twice more; then it is named with its cause, what was begun ends, and nothing new begins."""
    lucky, unlucky = Counted([3, 3, 5]), Counted([3, 3, 3])
    with ThreadPoolExecutor(2) as pool:
        Foreman(lambda region: pool.submit(lucky, region), 2, 2, lambda: None).run(range(8))
        foreman = Foreman(lambda region: pool.submit(unlucky, region), 2, 2, lambda: None)
        with pytest.raises(PredictionError, match="region 3, tried 3 times: no luck with 3") as caught:
            foreman.run(range(1000))
    assert sorted(lucky.done) == list(range(8))
    assert isinstance(caught.value.__cause__, ValueError)
    assert len(unlucky.done) < 20


def test_a_pool_that_is_broken_is_an_error_of_the_prediction() -> None:
    """As is one that was shut down: what it says is told, with what to do; nothing of it comes out raw."""
    pool = ThreadPoolExecutor(1, initializer=int, initargs=("no number",))
    foreman = Foreman(lambda region: pool.submit(print, region), 2, 2, lambda: None)
    with pytest.raises(PredictionError, match=r"(?s)does not take work.*BrokenThreadPool.*resume=True"):
        foreman.run(range(3))
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(PredictionError, match=r"(?s)does not take work.*shutdown.*resume=True") as caught:
        foreman.run(range(3))
    assert isinstance(caught.value.__cause__, RuntimeError)


def predict_share(raw: str, out: str, number: int) -> int:
    """What one of three jobs does."""
    writer = CellMapDatasetWriter(raw, out, ["nuc"], {"raw": CUBE}, {"output": CUBE}, run_id="one run")
    return writer.predict(same, window_bytes=8**3 * 4, share=(number, 3)).predicted


def test_jobs_that_begin_together_share_an_output(tmp_path) -> None:
    """Three processes with one run_id, at the same time: one makes the output, each does its share."""
    raw, out = write_volume(tmp_path / "raw.zarr", ramp((24, 16, 16))), str(tmp_path / "out.zarr")
    with ProcessPoolExecutor(3, mp_context=get_context("forkserver")) as pool:
        done = list(pool.map(predict_share, [raw] * 3, [out] * 3, range(3)))
    assert done == [4, 4, 4]
    writer = CellMapDatasetWriter(raw, out, ["nuc"], {"raw": CUBE}, {"output": CUBE}, resume=True)
    np.testing.assert_array_equal(stored(writer), ramp((24, 16, 16)))
