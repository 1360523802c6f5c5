"""The names that programs import."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

MODULES = {
    "dataset": ["CellMapDataset"],
    "datasplit": ["CellMapDataSplit"],
    "subdataset": ["CellMapSubset"],
    "dataset_writer": ["CellMapDatasetWriter"],
    "multidataset": ["CellMapMultiDataset"],
    "dataloader": ["CellMapDataLoader"],
    "enhanced_dataloader": ["EnhancedCellMapDataLoader", "CellMapDataLoaderWithPlugins"],
    "image": ["CellMapImage"],
    "empty_image": ["EmptyImage"],
    "image_writer": ["ImageWriter"],
    "prefetch": ["Prefetcher"],
    "sampler": ["ClassBalancedSampler", "MutableSubsetRandomSampler"],
    "plugins": ["PluginManager"],
    "device.device_manager": ["DeviceManager"],
    "transforms": ["Binarize", "NaNtoNum", "GaussianNoise", "RandomContrast", "RandomGamma", "Normalize"],
    "transforms.augment": ["Binarize", "NaNtoNum", "GaussianBlur", "RandomContrast", "RandomGamma"],
    "utils": ["get_image_dict", "get_fig_dict", "box_union", "create_multiscale_metadata", "find_level"],
    "utils.misc": [
        "torch_max_value",
        "longest_common_substring",
        "split_target_path",
        "is_array_2D",
        "array_has_singleton_dim",
        "get_sliced_shape",
        "permute_singleton_dimension",
        "min_redundant_inds",
    ],
    "utils.geometry": ["box_intersection", "box_union", "box_shape"],
    "utils.metadata": [
        "generate_base_multiscales_metadata",
        "add_multiscale_metadata_levels",
        "create_multiscale_metadata",
        "write_metadata",
        "find_level",
    ],
    "utils.figs": [
        "get_image_grid",
        "fig_to_image",
        "get_image_grid_numpy",
        "get_fig_dict",
        "get_image_dict",
    ],
}


@pytest.mark.parametrize(
    "name",
    [
        "CellMapDataLoader",
        "CellMapDataSplit",
        "CellMapDataset",
        "CellMapDatasetWriter",
        "CellMapImage",
        "CellMapMultiDataset",
        "CellMapSubset",
        "ClassBalancedSampler",
        "EmptyImage",
        "EnhancedCellMapDataLoader",
        "ImageWriter",
        "MutableSubsetRandomSampler",
    ],
)
def test_classes_come_from_the_package(name) -> None:
    """A class is imported from the package, which lists it, and says its own name."""
    package = import_module("cellmap_data")
    assert getattr(package, name).__name__ == name
    assert name in package.__all__


def test_the_package_says_its_version() -> None:
    """The version is three numbers, or more."""
    from cellmap_data import __version__

    assert all(part.isdigit() for part in __version__.split(".")[:3])


@pytest.mark.parametrize("module", MODULES)
def test_names_come_from_their_modules(module) -> None:
    """Modules have the names that programs import from them."""
    found = import_module(f"cellmap_data.{module}")
    assert [name for name in MODULES[module] if not hasattr(found, name)] == []


def test_a_class_is_the_same_wherever_it_comes_from() -> None:
    """``isinstance`` holds whatever module a class came from; one loader has two names."""
    import cellmap_data
    from cellmap_data.dataset import CellMapDataset
    from cellmap_data.enhanced_dataloader import CellMapDataLoaderWithPlugins

    assert cellmap_data.CellMapDataset is CellMapDataset
    assert cellmap_data.EnhancedCellMapDataLoader is CellMapDataLoaderWithPlugins


def test_torchvision_is_never_imported() -> None:
    """Importing every module that programs name leaves torchvision alone."""
    modules = [f"cellmap_data.{name}" for name in MODULES]
    script = (
        "import importlib, sys\n"
        f"for name in {modules}: importlib.import_module(name)\n"
        "sys.exit('torchvision' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
