"""A split of crops in a bucket."""

from __future__ import annotations

import pytest

from cellmap_data import CellMapDataSplit
from cellmap_data.errors import SplitError, StoreError
from cellmap_data.storage import Folders
from tests.remote.crops import CUBE

CLASSES = ["nuc", "er", "mito"]


def split_of(raw: str, labels: str, **options) -> CellMapDataSplit:
    given = {"train": [{"raw": raw, "gt": labels}]}
    return CellMapDataSplit({"raw": CUBE}, {"gt": CUBE}, CLASSES, dataset_dict=given, **options)


def test_folders_of_a_bucket_are_listed(bucket) -> None:
    """The first parts of keys are its folders, each place listed once; what is not there has none."""
    folders = Folders()
    assert folders.below("s3://volumes") == ["private", "public"]
    assert folders.below("s3://volumes/private/labels/") == ["mito", "nuc"]
    assert folders.below("s3://volumes/private/nowhere") == []
    assert folders.below("s3://volumes/private/raw") == ["s0"]


def test_wildcards_work_in_a_bucket(bucket, local) -> None:
    """One row stands for what the bucket has, with all classes of each crop."""
    split = split_of("s3://volumes/p*/raw", "s3://volumes/p*/labels/[*]")
    found = [(crop.raw_path, crop.target_path) for crop in split.train_datasets]
    assert found == [
        (f"s3://volumes/{place}/raw", f"s3://volumes/{place}/labels/[mito,nuc]")
        for place in ("private", "public")
    ]
    assert len(split.train_datasets_combined) == 2 * len(local)


def test_faults_of_a_bucket_are_told_with_their_rows(bucket, web) -> None:
    """A class that is not there, a bucket that is not there, a server that cannot list."""
    for raw, labels, why in (
        (bucket.raw, "s3://volumes/private/labels/[golgi,er,nuc]", r"labels/er"),
        ("s3://volume/private/raw", bucket.labels, "no such bucket"),
        (f"{web.url}/raw", f"{web.url}/*/[nuc]", "A web server does not say what it has"),
        (bucket.raw, "s3://volume/*/[nuc]", "no such bucket"),
    ):
        with pytest.raises(SplitError, match=rf"dataset_dict\['train'\]\[0\](.|\n)*{why}"):
            split_of(raw, labels)
    with pytest.raises(StoreError):
        Folders().below("ftp://host/place")


def test_a_volume_of_a_bucket_leaks_as_one_on_disk(bucket) -> None:
    """The same labels for both uses are an error that names the address."""
    crop = {"raw": bucket.raw, "gt": bucket.labels}
    given = {"train": [crop], "validate": [crop]}
    with pytest.raises(SplitError, match=r"share z -4 to 188(.|\n)*s3://volumes/private/raw"):
        CellMapDataSplit({"raw": CUBE}, {"gt": CUBE}, CLASSES, dataset_dict=given)
