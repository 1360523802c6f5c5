"""Train with several targets of different voxel size: fine labels, and coarse ones with more context.

    python examples/train_two_scales.py volume.zarr/raw "volume.zarr/labels/[nuclei]" nuclei

All arrays of a sample show the same place, whatever their shapes and scales.
"""

from __future__ import annotations

import sys

import torch

from cellmap_data import CellMapDataset, EnhancedCellMapDataLoader
from cellmap_data.transforms import Binarize, NaNtoNum

INPUTS = {
    "fine": {"shape": (8, 32, 32), "scale": (290, 260, 260)},
    "context": {"shape": (8, 32, 32), "scale": (580, 520, 520)},
}
TARGETS = {
    "labels": {"shape": (8, 32, 32), "scale": (290, 260, 260)},
    "coarse": {"shape": (4, 16, 16), "scale": (580, 520, 520)},
}


class TwoHeads(torch.nn.Module):
    """Sees both inputs; predicts every target at its own voxel size."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv3d(2, 8, 3, padding=1), torch.nn.ReLU())
        self.fine, self.coarse = torch.nn.Conv3d(8, classes, 1), torch.nn.Conv3d(8, classes, 1)

    def forward(self, fine: torch.Tensor, context: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits for each target."""
        middle = context[:, :, 2:6, 8:24, 8:24]  # what of the context the fine patch covers
        middle = torch.nn.functional.interpolate(middle, size=fine.shape[2:], mode="trilinear")
        features = self.body(torch.cat([fine, middle], 1))
        return {
            "labels": self.fine(features),
            "coarse": self.coarse(torch.nn.functional.avg_pool3d(features, 2)),
        }


def main(raw: str, labels: str, *classes: str) -> None:
    """Ten steps."""
    dataset = CellMapDataset(
        raw,
        labels,
        classes,
        INPUTS,
        TARGETS,
        pad=True,
        spatial_transforms={"mirror": {"axes": {"x": 0.5, "y": 0.5, "z": 0.5}}},
        target_value_transforms=[NaNtoNum({"nan": 0}), Binarize(0)],
    )
    loader = EnhancedCellMapDataLoader(dataset, batch_size=2, iterations_per_epoch=10, device="cpu")
    model = TwoHeads(len(classes))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for batch in loader:
        logits = model(batch["fine"] / 65_535, batch["context"] / 65_535)
        losses = {
            name: torch.nn.functional.binary_cross_entropy_with_logits(logits[name], batch[name])
            for name in TARGETS
        }
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        print(", ".join(f"{name} {loss.item():.3f}" for name, loss in losses.items()))


if __name__ == "__main__":
    main(*sys.argv[1:])
