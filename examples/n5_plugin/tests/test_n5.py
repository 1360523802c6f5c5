"""What the plugin shares with all others, and that N5 is read as zarr is."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore as ts
import torch
from cellmap_data_n5 import N5Array, N5Volumes, read_group

from cellmap_data import CellMapDataset, CellMapImage, EnhancedCellMapDataLoader
from cellmap_data.errors import MetadataError, StoreNotFoundError
from cellmap_data.plugins import build_manager
from cellmap_data.storage import ArrayReader, shared_context
from cellmap_data.testing import PluginTests, ReaderTests, ramp, write_crop, write_volume

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
SIZES = (16, 8, 4)
"""Of voxels along z, y, x in nm: a mix-up of axes shows."""


def write_array(path: Path, values: np.ndarray[Any, Any], **attributes: Any) -> Path:
    """Write an N5 array of blocks, its axes z, y, x, with attributes of its own."""
    metadata = {
        "dimensions": values.shape[::-1],
        "blockSize": [min(n, 8) for n in values.shape[::-1]],
        "dataType": values.dtype.name,
        "compression": {"type": "gzip"},
    }
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{path}/"}, "metadata": metadata}
    store = ts.open(spec, create=True, context=shared_context()).result()
    store.T.write(values).result()
    describe(path, json.loads((path / "attributes.json").read_text()) | attributes)
    return path


def describe(path: Path, attributes: dict[str, Any]) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / "attributes.json").write_text(json.dumps(attributes))


def halved(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return values[::2, ::2, ::2]


def transform(size: tuple[float, ...], shift: tuple[float, ...]) -> dict[str, Any]:
    return {"axes": ["z", "y", "x"], "scale": size, "translate": shift, "units": ["nm"] * 3}


def write_cosem(group: Path, values: np.ndarray[Any, Any]) -> None:
    """Each level has its transform, and the group lists the levels."""
    shift = [s / 2 for s in SIZES]
    write_array(group / "s0", values, transform=transform(SIZES, (0, 0, 0)))
    write_array(group / "s1", halved(values), transform=transform([2 * s for s in SIZES], shift))
    describe(group, {"multiscales": [{"datasets": [{"path": "s0"}, {"path": "s1"}]}]})


def write_viewer(group: Path, values: np.ndarray[Any, Any]) -> None:
    """Each level has its factors, and the group the resolution, both in x, y, z."""
    write_array(group / "s0", values)
    write_array(group / "s1", halved(values), downsamplingFactors=[2, 2, 2])
    describe(group, {"multiScale": True, "pixelResolution": {"dimensions": SIZES[::-1], "unit": "nm"}})


def write_scales(group: Path, values: np.ndarray[Any, Any]) -> None:
    """The group has the resolution and the factors of all levels."""
    write_array(group / "s0", values)
    write_array(group / "s1", halved(values))
    describe(group, {"resolution": list(SIZES[::-1]), "scales": [[1, 1, 1], [2, 2, 2]]})


class TestPromises(PluginTests):
    """What every plugin promises."""

    def make_plugin(self) -> N5Volumes:
        return N5Volumes()


class TestReader(ReaderTests):
    """What every reader promises."""

    def make_reader(self, folder: Path) -> tuple[ArrayReader, np.ndarray[Any, Any]]:
        values = ramp((20, 18, 12), np.int32)
        path = str(write_array(folder / "a.n5", values))
        reader = N5Volumes().open_array(path, None)
        assert isinstance(reader, N5Array)
        return reader, values


def test_entry_point_names_the_class() -> None:
    """What a user types is what the distribution offers."""
    (found,) = entry_points(group="cellmap_data.plugins", name="n5.volumes")
    assert found.load() is N5Volumes


@pytest.mark.parametrize("workers", [0, 1])
def test_n5_gives_the_voxels_that_zarr_gives(workers: int, tmp_path: Path) -> None:
    """Raw in N5 beside labels in zarr makes the batches that zarr alone makes, in a worker too."""
    raw, labels = write_crop(tmp_path / "crop", (24, 20, 16), levels=2)
    values = CellMapImage(raw, "raw", (8, 8, 8), (24, 20, 16))[{"z": 92, "y": 76, "x": 60}]
    n5 = tmp_path / "crop.n5" / "em"
    write_array(n5 / "s0", values.numpy().astype(np.uint8))
    describe(n5, {"pixelResolution": {"dimensions": [8, 8, 8], "unit": "nm"}})
    batches = []
    for path, plugins in ((raw, []), (str(n5), ["n5.volumes"])):
        dataset = CellMapDataset(path, labels, ["nuc", "mito"], {"raw": CUBE}, {"gt": CUBE}, seed=1)
        loader = EnhancedCellMapDataLoader(
            dataset, batch_size=3, num_workers=workers, plugins=plugins, iterations_per_epoch=2
        )
        batches.append([{name: value.clone() for name, value in batch.items()} for batch in loader])
    assert len(batches[0]) == 2
    for one, other in zip(*batches, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert batches[0][0]["raw"].unique().numel() > 100


@pytest.mark.parametrize("write", [write_cosem, write_viewer, write_scales])
def test_levels_lie_where_the_metadata_says(write: Any, tmp_path: Path) -> None:
    """Every way in which N5 describes a pyramid gives the levels, sizes and centres of the same zarr."""
    values = ramp((24, 20, 16), np.int32)
    write(tmp_path / "a.n5" / "em", values)
    zarr = write_volume(tmp_path / "a.zarr", values, SIZES, levels=2)
    plugins = build_manager("n5.volumes").relay
    asked: Any = ("raw", [2 * s for s in SIZES], (4, 4, 4))
    one, other = CellMapImage(f"{tmp_path}/a.n5/em", *asked, plugins=plugins), CellMapImage(zarr, *asked)
    assert one._level_info == other._level_info
    assert (one.scale_level, one.bounding_box, one.sampling_box) == (
        1,
        other.bounding_box,
        other.sampling_box,
    )
    place = one.get_center(7)
    first = [
        round((place[axis] - 4 * s - s / 2) / (2 * s) + 0.5) for axis, s in zip("zyx", SIZES, strict=True)
    ]
    box = tuple(slice(i, i + 4) for i in first)
    np.testing.assert_array_equal(one[place].numpy(), halved(values)[box])


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and keeps no log."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_n5_is_read_from_a_store(tmp_path: Path) -> None:
    """A volume behind a web server is read as one on disk is."""
    values = ramp((24, 20, 16), np.int32)
    write_cosem(tmp_path / "a.n5" / "em", values)
    plugins = build_manager("n5.volumes").relay
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}/a.n5/em"
        image = CellMapImage(uri, "raw", SIZES, (4, 4, 4), plugins=plugins)
        np.testing.assert_array_equal(image[image.get_center(0)].numpy(), values[:4, :4, :4])
        server.shutdown()


def test_what_is_no_n5_is_left_to_others(tmp_path: Path) -> None:
    """Other paths, and folders that say nothing, are declined; a missing volume is missing."""
    (tmp_path / "a.n5" / "empty").mkdir(parents=True)
    describe(tmp_path / "a.n5", {"n5": "2.0.0"})
    for uri in (f"{tmp_path}/a.zarr", f"{tmp_path}/a.n5/empty", f"{tmp_path}/a.n5"):
        assert N5Volumes().open_array(uri, None) is None
    dataset = CellMapDataset(
        f"{tmp_path}/a.n5/em", input_arrays={"raw": CUBE}, plugins=build_manager("n5.volumes")
    )
    with pytest.raises(StoreNotFoundError, match=r"a\.n5/em"):
        len(dataset)


def test_a_level_that_does_not_say_where_it_lies_is_named(tmp_path: Path) -> None:
    """Without a voxel size there is nothing to guess."""
    write_array(tmp_path / "a.n5" / "s0", ramp((8, 8, 8)))
    describe(tmp_path / "a.n5", {})
    with pytest.raises(MetadataError, match=r"level 0(?s:.)*pixelResolution"):
        read_group(f"{tmp_path}/a.n5")
