"""Regions predicted by the workers of a dask cluster, of which one dies."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDatasetWriter
from cellmap_data.errors import PredictionError
from cellmap_data.testing import write_volume
from tests.dataset_writer.models import CUBE, double
from tests.dataset_writer.outputs import files

distributed = pytest.importorskip("distributed", reason="cellmap-data[dask] is not installed")

WINDOW = 8**3 * 8


class Deadly:
    """Twice what was read; whoever has seen ten batches while a fuse is there removes it and dies."""

    def __init__(self, fuse) -> None:
        self.fuse, self.seen = str(fuse), 0

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        if self.seen == 10:
            try:
                os.unlink(self.fuse)
            except FileNotFoundError:
                return double(x)
            os.kill(os.getpid(), signal.SIGKILL)
        return double(x)


def fails(x: torch.Tensor) -> torch.Tensor:
    """A model that never works."""
    raise ValueError("this model never works")


@pytest.fixture(scope="module")
def client():
    """Two worker processes, a thread each."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def raw(tmp_path) -> str:
    """A volume of noise."""
    values = np.random.default_rng(0).integers(0, 255, (24, 24, 24), dtype=np.uint8)
    return write_volume(tmp_path / "raw.zarr", values)


def make(raw, tmp_path, name, **options) -> CellMapDatasetWriter:
    target = str(tmp_path / f"{name}.zarr")
    return CellMapDatasetWriter(raw, target, ["nuc"], {"raw": CUBE}, {"output": CUBE}, **options)


@pytest.mark.timeout(300)
def test_two_workers_of_which_one_is_killed_give_the_same_bytes(client, raw, tmp_path) -> None:
    """Dask starts another one, its regions are predicted again, and no file differs."""
    from cellmap_data.dataset_writer.dask import DaskExecutor

    before = set(client.run(os.getpid).values())
    fuse = tmp_path / "fuse"
    fuse.touch()
    writer = make(raw, tmp_path, "dask")
    done = writer.predict(
        Deadly(fuse),
        overlap=2,
        window_bytes=WINDOW,
        executor=DaskExecutor(client),
        at_once=4,
    )
    assert (done.regions, done.predicted) == (27, 27)
    assert not fuse.exists()
    client.wait_for_workers(2)
    assert set(client.run(os.getpid).values()) != before
    make(raw, tmp_path, "whole").predict(double, overlap=2, window_bytes=WINDOW)
    assert files(tmp_path / "dask.zarr") == files(tmp_path / "whole.zarr")


@pytest.mark.timeout(120)
def test_a_region_that_always_fails_ends_the_prediction(client, raw, tmp_path) -> None:
    """After its retries, named, with the cause; nothing counts as done."""
    from cellmap_data.dataset_writer.dask import DaskExecutor

    writer = make(raw, tmp_path, "fails")
    with pytest.raises(PredictionError, match=r"region \d+, tried 2 times(.|\n)*this model never works"):
        writer.predict(fails, window_bytes=WINDOW, executor=DaskExecutor(client), at_once=2, retries=1)
    done = make(raw, tmp_path, "fails", resume=True).predict(double, window_bytes=WINDOW)
    assert done.predicted == done.regions
