"""Labels: what is known, what is not, what follows from other classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cellmap_data import CellMapDataset
from cellmap_data.storage import ZarrReader
from tests.volumes import make_crop, write_multiscale

CUBE = {"shape": (4, 4, 4), "scale": (8, 8, 8)}


@pytest.fixture
def crop(tmp_path):
    """Raw, and labels a (1 in the lower half), b (2 in one corner), of which nothing is known about c."""
    raw = write_multiscale(tmp_path / "raw", np.zeros((4, 4, 4), np.uint8))
    a, b = np.zeros((2, 4, 4, 4), np.uint8)
    a[2:], b[0, 0, 0] = 1, 2
    write_multiscale(tmp_path / "a", a)
    write_multiscale(tmp_path / "b", b)
    return raw, tmp_path, torch.tensor(a).float(), torch.tensor(b).float()


def labels_of(crop, classes, path="[a,b]", **options) -> torch.Tensor:
    dataset = CellMapDataset(crop[0], f"{crop[1]}/{path}", classes, {"raw": CUBE}, {"l": CUBE}, **options)
    return dataset[0]["l"]


def test_channels_follow_the_classes(crop) -> None:
    """Channels are the classes asked for, in that order; one nobody annotated is unknown."""
    b, c, a = labels_of(crop, ["b", "c", "a"])
    assert a.equal(crop[2])
    assert b.equal(crop[3])
    assert c.isnan().all()


@pytest.mark.filterwarnings("ignore:None of the classes")
def test_only_bracketed_classes_are_annotated(crop) -> None:
    """A group that lies there but is not named in the brackets is not read."""
    assert labels_of(crop, ["a", "b"], "[b]")[0].isnan().all()
    assert labels_of(crop, ["a", "b"], "a")[1].isnan().all()
    assert labels_of(crop, ["a"], "[]").isnan().all()


@pytest.mark.parametrize("form", [set, list, tuple])
def test_an_excluded_class_is_zero_where_the_other_is_positive(crop, form) -> None:
    """A class that is not annotated is 0 where any class that excludes it is positive, unknown elsewhere."""
    relations = {"c": form(["a", "b", "z"]), "a": form(["b"])}
    a, _, c = labels_of(crop, ["a", "b", "c"], class_relation_dict=relations)
    positive = (crop[2] > 0) | (crop[3] > 0)
    assert a.equal(crop[2])
    assert (c[positive] == 0).all()
    assert c[~positive].isnan().all()


def test_an_excluding_class_need_not_be_delivered(crop) -> None:
    """A class counts for exclusion also where it is no channel of the samples."""
    (c,) = labels_of(crop, ["c"], class_relation_dict={"c": ["a"]})
    assert (c[2:] == 0).all()
    assert c[:2].isnan().all()


@pytest.mark.filterwarnings("ignore:None of the classes")
def test_what_is_unknown_may_have_a_value(crop) -> None:
    """empty_value stands for unknown labels instead of NaN."""
    assert (labels_of(crop, ["c"], empty_value=-1.0) == -1).all()


def test_natively_an_excluded_class_is_known_only_where_all_of_it_is(crop) -> None:
    """Knowing a part of a patch is not knowing the class."""
    relations = {"c": ["a"]}
    dataset = CellMapDataset(
        crop[0],
        f"{crop[1]}/[a,b]",
        ["a", "c"],
        {"raw": CUBE},
        {"l": CUBE, "low": {"shape": (2, 4, 4), "scale": (8, 8, 8)}},
        class_relation_dict=relations,
        dtype="native",
    )
    assert dataset[0]["l_known"].tolist() == [True, False]


def test_a_label_outside_its_array_is_unknown(tmp_path) -> None:
    """With pad, a label crop smaller than the patch is unknown around its own voxels."""
    raw = write_multiscale(tmp_path / "raw", np.ones((16, 16, 16), np.uint8))
    labels = write_multiscale(tmp_path / "nuc", np.ones((4, 4, 4), np.uint8), origin=(48, 48, 48))
    big = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
    dataset = CellMapDataset(raw, labels, ["nuc"], {"raw": big}, {"l": big}, pad=True)
    assert len(dataset) == 1
    sample = dataset[0]
    assert (sample["raw"] == 1).all()
    assert (sample["l"][0, 2:6, 2:6, 2:6] == 1).all()
    assert int(sample["l"].isnan().sum()) == 8**3 - 4**3


def test_a_crop_without_any_of_the_classes_is_pointed_out(tmp_path) -> None:
    """Targets that are unknown everywhere, as after a misspelt class, are warned of, naming both lists."""
    raw, labels = make_crop(tmp_path, classes=("nuc",))
    spec = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
    with pytest.warns(UserWarning, match=r"None of the classes \['nucleus'\] is annotated(.|\n)*\['nuc'\]"):
        CellMapDataset(str(raw), str(labels), ["nucleus"], {"raw": spec}, {"gt": spec})


def test_an_unknown_class_is_a_flag_until_everything_is_read(crop) -> None:
    """While labels are read nothing is written for a class nobody annotated; it is filled in at the end."""
    given, untouched = {}, []

    class Watching(ZarrReader):
        def read_into(self, box, out):
            untouched.append("l" not in given or bool((given["l"][:, 0] == 77).all()))
            return super().read_into(box, out)

    class Plugin:
        def open_array(self, uri, context):
            return Watching(uri) if uri.endswith("/s0") else None

        def add_spatial_transforms(self, table):
            """None."""

    def allocate(name, shape, dtype):
        given[name] = np.full(shape, 77, dtype)
        return given[name]

    dataset = CellMapDataset(
        crop[0], f"{crop[1]}/[a,b]", ["c", "a", "b"], {"raw": CUBE}, {"l": CUBE}, plugins=Plugin()
    )
    (sample,) = dataset.read_batch([0], allocate)
    assert untouched == [True] * 3
    assert sample["l"][0].isnan().all()
    assert sample["l"][1].equal(crop[2])


@pytest.mark.parametrize("classes", [["a", "c"], ["c"]], ids=["delivered", "not delivered"])
def test_nothing_follows_from_what_is_unknown(classes, tmp_path) -> None:
    """Outside the array of the class that excludes it a class stays unknown, whatever value says so."""
    raw = write_multiscale(tmp_path / "raw", np.ones((8, 8, 8), np.uint8))
    write_multiscale(tmp_path / "a", np.ones((4, 8, 8), np.uint8))
    dataset = CellMapDataset(
        raw,
        f"{tmp_path}/[a]",
        classes,
        {"raw": {"shape": (8, 8, 8), "scale": (8, 8, 8)}},
        {"l": {"shape": (8, 8, 8), "scale": (8, 8, 8)}},
        pad=True,
        class_relation_dict={"c": ["a"]},
        empty_value=255.0,
    )
    labels = dataset[0]["l"][-1]
    assert int((labels == 0).sum()) == 4 * 8 * 8
    assert int((labels == 255).sum()) == 4 * 8 * 8
