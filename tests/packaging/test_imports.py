"""What importing costs, and which names can be imported."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import cellmap_data
import cellmap_data_plugins_builtin

HEAVY = ("torch", "zarr", "tensorstore", "numba", "matplotlib", "cellmap_data_plugins_builtin")


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import cellmap_data", HEAVY),
        ("import cellmap_data.cli", ("torch", "zarr", "tensorstore", "numba", "matplotlib")),
        ("import cellmap_data.plugins", ("numba", "matplotlib", "cellmap_data_plugins_builtin")),
        ("import cellmap_data.utils", ("numba", "matplotlib", "cellmap_data.plugins")),
        ("import cellmap_data.transforms", ("torchvision", "numba", "zarr", "tensorstore")),
        ("from cellmap_data import EnhancedCellMapDataLoader", ("numba", "cellmap_data_plugins_builtin")),
        ("from cellmap_data import CellMapDataLoader", ("numba", "matplotlib", "cellmap_data.plugins")),
    ],
    ids=["package", "command", "plugins", "utils", "transforms", "enhanced loader", "plain loader"],
)
def test_importing_does_no_more_than_it_must(statement: str, absent: tuple[str, ...]) -> None:
    """What a program does not use it does not load."""
    code = f"import sys\n{statement}\nprint(*(name for name in {absent!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


TRANSFORMS = [
    "Binarize",
    "GaussianBlur",
    "GaussianNoise",
    "NaNtoNum",
    "Normalize",
    "RandomContrast",
    "RandomGamma",
    "ScaleIntegers",
]

UTILS = {
    "figs": ["fig_to_image", "get_fig_dict", "get_image_dict", "get_image_grid", "get_image_grid_numpy"],
    "geometry": ["box_intersection", "box_shape", "box_union"],
    "metadata": [
        "add_multiscale_metadata_levels",
        "create_multiscale_metadata",
        "find_level",
        "generate_base_multiscales_metadata",
        "write_metadata",
    ],
    "misc": [
        "array_has_singleton_dim",
        "get_sliced_shape",
        "is_array_2D",
        "longest_common_substring",
        "min_redundant_inds",
        "permute_singleton_dimension",
        "split_target_path",
        "torch_max_value",
    ],
}

PUBLIC = {
    "cellmap_data": [
        "CellMapDataLoader",
        "CellMapDataSplit",
        "CellMapDataset",
        "CellMapDatasetWriter",
        "CellMapImage",
        "CellMapMultiDataset",
        "CellMapSubset",
        "EmptyImage",
        "EnhancedCellMapDataLoader",
        "ImageWriter",
        "__version__",
    ],
    "cellmap_data.dataloader": ["CellMapDataLoader"],
    "cellmap_data.dataset": ["CellMapDataset"],
    "cellmap_data.datasplit": ["CellMapDataSplit", "make_datasplit"],
    "cellmap_data.dataset_writer": ["CellMapDatasetWriter"],
    "cellmap_data.device.device_manager": ["DeviceManager"],
    "cellmap_data.empty_image": ["EmptyImage"],
    "cellmap_data.enhanced_dataloader": ["CellMapDataLoaderWithPlugins", "EnhancedCellMapDataLoader"],
    "cellmap_data.hookspecs": ["hookimpl", "hookspec"],
    "cellmap_data.image": ["CellMapImage"],
    "cellmap_data.image_writer": ["ImageWriter"],
    "cellmap_data.multidataset": ["CellMapMultiDataset"],
    "cellmap_data.plugins": [
        "AugmentationPlugin",
        "DataLoaderPlugin",
        "DeviceTransferPlugin",
        "MemoryOptimizationPlugin",
        "PluginManager",
        "PrefetchPlugin",
    ],
    "cellmap_data.prefetch": ["Prefetcher"],
    "cellmap_data.sampler": [],
    "cellmap_data.subdataset": ["CellMapSubset"],
    "cellmap_data.testing": ["PluginTests", "ReaderTests", "clean_manager", "ramp", "write_volume"],
    "cellmap_data.transforms": TRANSFORMS,
    "cellmap_data.transforms.augment": TRANSFORMS,
    "cellmap_data.utils": [name for names in UTILS.values() for name in names],
    **{f"cellmap_data.utils.{module}": names for module, names in UTILS.items()},
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_import_paths(module: str) -> None:
    """The paths that existing programs type resolve."""
    found = importlib.import_module(module)
    for name in PUBLIC[module]:
        getattr(found, name)


def packages() -> list[str]:
    """Every package of both distributions' import packages, themselves included."""
    roots: tuple[ModuleType, ...] = (cellmap_data, cellmap_data_plugins_builtin)
    nested = (
        info.name
        for root in roots
        for info in pkgutil.walk_packages(root.__path__, f"{root.__name__}.")
        if info.ispkg
    )
    return [root.__name__ for root in roots] + list(nested)


@pytest.mark.parametrize("name", packages())
def test_all_is_sorted_and_complete(name: str) -> None:
    """``__all__`` names every public name that a package defines or imports, once, sorted."""
    package = importlib.import_module(name)
    assert package.__doc__, "a package opens with a docstring"
    offered = getattr(package, "__all__", [])
    assert list(offered) == sorted(set(offered))
    for attribute in offered:
        getattr(package, attribute)
    assert own_public_names(package) - set(offered) == set()


def own_public_names(package: ModuleType) -> set[str]:
    """Public names that the ``__init__`` of a package binds itself or takes from its own distribution."""
    assert package.__file__ is not None
    root = package.__name__.split(".")[0]
    names: set[str] = set()
    for node in ast.parse(Path(package.__file__).read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == root:
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_") and not is_module(package, name)}


def is_module(package: ModuleType, name: str) -> bool:
    return isinstance(getattr(package, name), ModuleType)
