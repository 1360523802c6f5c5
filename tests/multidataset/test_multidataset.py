"""Many crops as one dataset."""

from __future__ import annotations

import itertools
import pickle
import threading

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset

from cellmap_data import CellMapDataset, CellMapMultiDataset
from cellmap_data.errors import ConfigurationError, SampleError, StoreError
from cellmap_data.sampler import Draw, SampleIndex
from tests.volumes import make_crop, write_multiscale

CUBE = {"shape": (8, 8, 8), "scale": (8, 8, 8)}
INPUTS, TARGETS, CLASSES = {"raw": CUBE}, {"l": CUBE}, ["nuc", "mito"]
SHAPES = [(8, 8, 8), (8, 9, 10), (4, 4, 4), (12, 8, 8)]  # 1, 6, 0 and 5 positions
SIZE = 12


def crop(root, shape, number, **options) -> CellMapDataset:
    """Odd ones are NGFF 0.5 and annotate both classes, even ones are 0.4 and annotate the first."""
    odd = number % 2
    raw, labels = make_crop(
        root, shape, annotated=CLASSES[: 1 + odd], ngff="0.5" if odd else "0.4", seed=number
    )
    return CellMapDataset(raw, labels, CLASSES, INPUTS, TARGETS, **options)


@pytest.fixture
def parts(tmp_path) -> list[CellMapDataset]:
    return [crop(tmp_path / str(i), shape, i, seed=i + 1) for i, shape in enumerate(SHAPES)]


def same(one, other) -> bool:
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in one if name != "idx")


def test_positions_follow_one_another(parts) -> None:
    """Index i is a position of the dataset it falls into, and idx says i; empty datasets have none."""
    whole = CellMapMultiDataset(parts, CLASSES, INPUTS, TARGETS)
    assert isinstance(whole, ConcatDataset)
    assert len(whole) == SIZE
    assert whole.cumulative_sizes == [1, 7, 7, 12]
    plain = [part[i] for part in parts for i in range(len(part))]
    for i, expected in enumerate(plain):
        assert int(whole[i]["idx"]) == i
        assert same(whole[i], expected)
    assert same(whole[-1], plain[-1])
    for i in (SIZE, -SIZE - 1):
        with pytest.raises(IndexError):
            whole[i]


def test_a_batch_over_several_crops_is_read_into_one_memory(parts) -> None:
    """Memory is asked for once for each array of the whole batch, in the order of the indices."""
    whole = CellMapMultiDataset(parts)
    given = {}

    def allocate(name, shape, dtype):
        assert name not in given
        given[name] = np.empty(shape, dtype)
        return given[name]

    indices = [11, 0, 3, 11]
    samples = whole.read_batch(indices, allocate)
    assert given["idx"].tolist() == indices
    assert all(same(sample, whole[i]) for sample, i in zip(samples, indices, strict=True))
    assert samples[2]["l"].data_ptr() == given["l"][2].ctypes.data
    assert whole.__getitems__([]) == []


@pytest.mark.parametrize("form", ["by name", "older order", "bare"])
def test_both_orders_of_arguments_are_understood(form, parts) -> None:
    """Datasets come first, or last as in earlier releases; what is left out is the datasets' own."""
    whole = {
        "by name": lambda: CellMapMultiDataset(
            classes=CLASSES, input_arrays=INPUTS, target_arrays=TARGETS, datasets=parts
        ),
        "older order": lambda: CellMapMultiDataset(CLASSES, INPUTS, TARGETS, parts),
        "bare": lambda: CellMapMultiDataset(parts),
    }[form]()
    assert whole.classes == CLASSES
    assert whole.input_arrays == INPUTS
    assert whole.target_arrays == TARGETS
    assert whole.datasets == parts


def test_making_one_opens_nothing_and_faults_come_together(tmp_path) -> None:
    """All crops that cannot be used are named by one error when positions are asked for."""
    parts = [CellMapDataset(str(tmp_path / f"missing{i}"), input_arrays=INPUTS) for i in range(3)]
    whole = CellMapMultiDataset(parts)
    with pytest.raises(StoreError) as caught:
        len(whole)
    assert all(f"missing{i}" in str(caught.value) for i in range(3))


def test_datasets_must_give_the_same(tmp_path, parts) -> None:
    """Datasets with other classes, arrays or dtypes are refused, all of them named."""
    raw, labels = make_crop(tmp_path / "other")
    others = [
        CellMapDataset(raw, labels, ["mito", "nuc"], INPUTS, TARGETS),
        CellMapDataset(raw, labels, CLASSES, INPUTS, TARGETS, dtype="native"),
    ]
    with pytest.raises(ConfigurationError) as caught:
        CellMapMultiDataset([*parts, *others])
    assert "dataset 4" in str(caught.value)
    assert "dataset 5" in str(caught.value)
    with pytest.raises(ConfigurationError, match="asked for"):
        CellMapMultiDataset(parts, ["nuc"])
    with pytest.raises(ConfigurationError, match="nothing to concatenate"):
        CellMapMultiDataset([])


def test_a_samples_type_does_not_depend_on_its_crop(tmp_path) -> None:
    """With wide ids in one crop all crops give float64; each raw reaches its transform in its own dtype."""
    parts, seen = [], set()

    def scaled(values: torch.Tensor) -> torch.Tensor:
        seen.add(values.dtype)
        return values.float() / torch.iinfo(values.dtype).max

    for raw_type, label_type in ((np.uint8, np.uint8), (np.uint16, np.uint64)):
        root, full = tmp_path / np.dtype(raw_type).name, np.full((8, 8, 8), np.iinfo(raw_type).max)
        raw = write_multiscale(root / "raw", full, dtype=raw_type)
        labels = write_multiscale(root / "nuc", np.ones((8, 8, 8)), dtype=label_type)
        parts.append(CellMapDataset(raw, labels, ["nuc"], INPUTS, TARGETS, raw_value_transforms=scaled))
    samples = CellMapMultiDataset(parts).__getitems__([0, 1])
    assert {sample["l"].dtype for sample in samples} == {torch.float64}
    assert seen == {torch.uint8, torch.uint16}
    assert all((sample["raw"] == 1).all() for sample in samples)


def test_augmentation_is_drawn_for_the_place_in_the_whole(tmp_path) -> None:
    """Crops of equal data draw differently, each time the same, and by the draw an index brings."""
    mirror = {"mirror": {"z": 0.5, "y": 0.5, "x": 0.5}}
    parts = [crop(tmp_path / str(i), (12, 12, 12), 0, spatial_transforms=mirror, seed=1) for i in range(2)]
    whole = CellMapMultiDataset(parts)
    half = len(parts[0])
    assert whole.seed == 1
    assert any(not same(whole[i], whole[i + half]) for i in range(8))
    first = [whole[i] for i in range(8)]
    assert all(same(whole[i], sample) for i, sample in enumerate(first))
    assert all(same(whole[SampleIndex(i + half, Draw(1, 0, i))], sample) for i, sample in enumerate(first))
    whole.set_epoch(1)
    assert any(not same(whole[i], sample) for i, sample in enumerate(first))


def test_datasets_nest(parts) -> None:
    """A dataset of datasets is a part like any other."""
    nested = CellMapMultiDataset([CellMapMultiDataset(parts[:2]), CellMapMultiDataset(parts[2:])])
    flat = CellMapMultiDataset(parts)
    assert len(nested) == len(flat)
    assert [int(sample["idx"]) for sample in nested.__getitems__(range(SIZE))] == list(range(SIZE))
    assert all(same(nested[i], flat[i]) for i in range(SIZE))
    assert nested.get_crop_class_matrix().tolist() == [[True, False], [True, True]] * 2


def test_setters_reach_every_dataset(parts) -> None:
    """Transforms, plugins' closing and devices are passed on."""
    whole = CellMapMultiDataset(parts)
    plain = [whole[i] for i in range(SIZE)]
    whole.set_raw_value_transforms(lambda x: x.float() + 1)
    whole.set_target_value_transforms(lambda x: x * 3)
    whole.set_spatial_transforms({"mirror": {"x": 1.0}})
    for i, sample in enumerate(plain):
        assert whole[i]["raw"].equal(sample["raw"].flip(3) + 1)
        np.testing.assert_array_equal(whole[i]["l"], sample["l"].flip(3) * 3)
    assert whole.to("cpu") is whole
    assert whole.verify()
    whole.lend_plugins(None)
    whole.close()
    assert int(whole[3]["idx"]) == 3


def test_a_pickled_one_gives_the_same_samples(parts) -> None:
    """What arrives in another process makes the same samples."""
    whole = CellMapMultiDataset(parts)
    whole[0]
    copy = pickle.loads(pickle.dumps(whole))
    assert all(same(copy[i], whole[i]) for i in range(SIZE))


def test_prefetch_gives_the_samples_in_order(parts) -> None:
    """The samples of any indices come in order, whatever is read together."""
    whole = CellMapMultiDataset(parts)
    order = [3, 3, 11, 0, 7, 5, 10]
    for batch_size in (1, 3, 100):
        samples = list(whole.prefetch(iter(order), batch_size))
        assert [int(sample["idx"]) for sample in samples] == order
        assert all(same(sample, whole[i]) for sample, i in zip(samples, order, strict=True))
    assert list(whole.prefetch([])) == []
    with pytest.raises(ConfigurationError):
        whole.prefetch(order, 0)


def test_prefetch_takes_indices_as_they_are_needed(parts) -> None:
    """An endless sequence of indices is read no further ahead than a few batches."""
    whole = CellMapMultiDataset(parts)
    taken = itertools.count()
    samples = whole.prefetch((next(taken) % SIZE for _ in itertools.repeat(0)), batch_size=2)
    for i in range(5):
        assert int(next(samples)["idx"]) == i
    samples.close()
    assert next(taken) < 20


def test_several_prefetches_and_early_ends_leave_nothing(parts) -> None:
    """Iterators do not disturb each other, and closing them ends their threads."""
    whole = CellMapMultiDataset(parts)
    len(whole)
    before = threading.active_count()
    one, other = whole.prefetch(range(SIZE), 2), whole.prefetch(reversed(range(SIZE)), 3)
    pairs = [(int(next(one)["idx"]), int(next(other)["idx"])) for _ in range(5)]
    assert pairs == [(i, SIZE - 1 - i) for i in range(5)]
    one.close()
    other.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("batch_size", [1, 4])
def test_prefetch_raises_an_error_at_its_place(batch_size, tmp_path) -> None:
    """What a read raises is raised where its samples would have come."""
    parts = [crop(tmp_path / "good", (8, 8, 10), 1), crop(tmp_path / "bad", (8, 8, 8), 3)]
    (tmp_path / "bad" / "raw" / "s0" / "c" / "0" / "0" / "0").write_bytes(b"garbage")
    samples = CellMapMultiDataset(parts).prefetch(range(4), batch_size)
    assert [int(next(samples)["idx"]) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SampleError, match="bad"):
        next(samples)


def test_a_position_is_described_by_its_dataset(parts) -> None:
    """The description says which dataset, which position there, and what that says of it, nested or not."""
    whole = CellMapMultiDataset(parts)
    assert whole.describe(8) == f"dataset 3, position 1: {parts[3].describe(1)}"
    assert whole.describe(-1) == whole.describe(SIZE - 1)
    nested = CellMapMultiDataset([CellMapMultiDataset(parts[:2]), CellMapMultiDataset(parts[2:])])
    assert nested.describe(8) == f"dataset 1, position 1: dataset 1, position 1: {parts[3].describe(1)}"
    with pytest.raises(IndexError):
        whole.describe(SIZE)


def test_crops_are_counted_together(parts) -> None:
    """Counts are those of all crops, nested or not; weights are background over foreground."""
    whole = CellMapMultiDataset(parts)
    nested = CellMapMultiDataset([CellMapMultiDataset(parts[:2]), CellMapMultiDataset(parts[2:])])
    counts = whole.class_counts
    sizes = [int(np.prod(shape)) for shape in SHAPES]
    assert counts["totals_total"] == {"nuc": sum(sizes), "mito": sizes[1] + sizes[3]}
    for name in CLASSES:
        assert counts["totals"][name] == sum(part.class_counts["totals"][name] for part in parts) > 0
        background = counts["totals_total"][name] - counts["totals"][name]
        assert whole.class_weights[name] == background / counts["totals"][name]
    assert nested.class_counts == counts
    assert list(whole.class_weights) == CLASSES
    assert whole.get_crop_class_matrix().shape == nested.get_crop_class_matrix().shape == (4, 2)


def test_tiles_of_all_crops_are_one_lazy_sequence(parts) -> None:
    """Indices are those of the datasets, shifted to their place here; crops without positions have none."""
    for whole in (
        CellMapMultiDataset(parts),
        CellMapMultiDataset([CellMapMultiDataset(parts[:3]), parts[3]]),
    ):
        shifts = (0, 1, 7, 7)
        expected = [i + s for part, s in zip(parts, shifts, strict=True) for i in part.validation_indices]
        indices = whole.validation_indices
        assert list(indices) == expected == list(whole.get_indices({"z": 64, "y": 64, "x": 64}))
        assert (indices[-1], indices[1:3]) == (expected[-1], expected[1:3])
        assert pickle.loads(pickle.dumps(indices)) == indices
        with pytest.raises(IndexError):
            indices[len(indices)]


def test_an_empty_one_says_why(tmp_path) -> None:
    """Where no crop has a position, the error says so, and why the first has none."""
    whole = CellMapMultiDataset([crop(tmp_path / str(i), (4, 8, 8), i) for i in range(2)])
    assert not whole.verify()
    assert list(whole.validation_indices) == []
    with pytest.raises(IndexError, match=r"None of 2 datasets(.|\n)*along z patches of 64 nm"):
        whole[0]


def test_prefetch_gives_what_comes_before_a_bad_index(parts) -> None:
    """An index that does not exist is an error at its place, whatever is read together with it."""
    samples = CellMapMultiDataset(parts).prefetch([3, 5, SIZE, 0], batch_size=4)
    assert [int(next(samples)["idx"]) for _ in range(2)] == [3, 5]
    with pytest.raises(IndexError):
        next(samples)
    bad = CellMapMultiDataset(parts).prefetch([SIZE], batch_size=4)
    with pytest.raises(IndexError):
        next(bad)


def test_native_samples_have_one_type_whatever_a_transform_keeps(tmp_path) -> None:
    """Raw stored as 8 and as 16 bits, left in its type by a transform, is delivered as what holds both."""
    parts = []
    for dtype in (np.uint8, np.int16):
        raw = write_multiscale(tmp_path / np.dtype(dtype).name, np.full((8, 8, 8), 100, dtype))
        parts.append(CellMapDataset(raw, input_arrays=INPUTS, dtype="native"))
    whole, seen = CellMapMultiDataset(parts), []
    whole.set_raw_value_transforms(lambda x: seen.append(x.dtype) or x)
    samples = whole.__getitems__([0, 1])
    assert seen == [torch.uint8, torch.int16]
    assert {sample["raw"].dtype for sample in (*samples, whole[0])} == {torch.int16}
    assert all((sample["raw"] == 100).all() for sample in samples)
    whole.set_raw_value_transforms(lambda x: x / 100)
    assert {sample["raw"].dtype for sample in whole.__getitems__([0, 1])} == {torch.float32}
