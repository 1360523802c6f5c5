"""Train a 2-D model on sections of a volume.

    python examples/train_2d.py volume.zarr/raw "volume.zarr/labels/[nuclei]" nuclei

A shape with one voxel along z makes 2-D samples: inputs are [B, 1, y, x], targets [B, classes, y, x].
"""

from __future__ import annotations

import sys

import torch

from cellmap_data import CellMapDataset, EnhancedCellMapDataLoader
from cellmap_data.transforms import Normalize

SECTION = {"shape": (1, 64, 64), "scale": (290, 260, 260)}


def main(raw: str, labels: str, *classes: str) -> None:
    """Ten steps."""
    dataset = CellMapDataset(
        raw,
        labels,
        classes,
        {"raw": SECTION},
        {"labels": SECTION},
        spatial_transforms={"mirror": {"axes": {"x": 0.5, "y": 0.5}}, "transpose": {"axes": ["x", "y"]}},
        raw_value_transforms=Normalize(scale=1 / 65_535),
    )
    loader = EnhancedCellMapDataLoader(dataset, batch_size=8, iterations_per_epoch=10, device="cpu")
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, len(classes), 1)
    )
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for batch in loader:
        known = ~batch["labels"].isnan()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            model(batch["raw"])[known], (batch["labels"][known] > 0).float()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"{tuple(batch['raw'].shape)} -> loss {loss.item():.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
