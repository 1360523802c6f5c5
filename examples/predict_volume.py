"""Predict a whole volume with overlapping patches.

    python predict_volume.py RAW OUTPUT [--checkpoint model.pt] [--overlap 0.25] [--resume]

RAW is a multiscale group, OUTPUT the folder of the predictions: each class becomes an OME-Zarr volume in it.
Killed at any moment, it goes on with --resume where it was. To use several machines start it on each of them,
with the same --run-id and with --share 0/4, 1/4, ...
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

from cellmap_data import CellMapDatasetWriter

CLASSES = ["bright", "dark"]
PATCH = {"shape": (32, 32, 32), "scale": (8, 8, 8)}  # voxels, nm; z, y, x


class Model(torch.nn.Module):
    """Stands for yours: how bright the surroundings of a voxel are, and how dark."""

    def __init__(self) -> None:
        super().__init__()
        self.blur = torch.nn.AvgPool3d(5, stride=1, padding=2, count_include_pad=False)

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        """[B, 1, z, y, x] of 0 to 1 -> [B, classes, z, y, x] of 0 to 1."""
        bright = self.blur(raw)
        return torch.cat([bright, 1 - bright], dim=1)


def to_unit(raw: torch.Tensor) -> torch.Tensor:
    """Raw of 8 bits as numbers from 0 to 1."""
    return raw.float() / 255


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw")
    parser.add_argument("output")
    parser.add_argument("--checkpoint", help="state_dict of the model")
    parser.add_argument("--overlap", type=float, default=0.25, help="share of a patch")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--run-id")
    parser.add_argument("--share", default="0/1", help="which part of the work, i/n")
    options = parser.parse_args(arguments)

    model = Model()
    if options.checkpoint:
        model.load_state_dict(torch.load(options.checkpoint, weights_only=True))
    number, of = (int(part) for part in options.share.split("/"))
    writer = CellMapDatasetWriter(
        options.raw,
        options.output,
        CLASSES,
        input_arrays={"raw": PATCH},
        target_arrays={"prediction": PATCH},
        raw_value_transforms=to_unit,
        dtype="uint8",
        conversion="unit",  # 0 to 1 is stored as 0 to 255
        levels=2,
        resume=options.resume,
        run_id=options.run_id,
    )
    done = writer.predict(model, batch_size=options.batch_size, overlap=options.overlap, share=(number, of))
    print(done)
    if of == 1:
        writer.finish()  # the coarser levels; after parts of the work, once all of them are done


if __name__ == "__main__":
    main()
