"""Train with Lightning, from a table of crops.

    python examples/train_lightning.py datasplit.csv nuclei,boundary

``Trainer.fit`` takes our loaders as they are: Lightning moves batches, the loaders split over ranks, and
mid-epoch checkpoints hold where a loader stands.
"""

from __future__ import annotations

import sys

import lightning
import torch

from cellmap_data import CellMapDataSplit
from cellmap_data.lightning import CellMapDataModule

PATCH = {"shape": (8, 32, 32), "scale": (290, 260, 260)}


class Segmentation(lightning.LightningModule):
    """A model of one layer; NaN labels have no part in the loss."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.net = torch.nn.Conv3d(1, classes, 3, padding=1)

    def loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Binary cross entropy of what is known."""
        known = ~batch["labels"].isnan()
        return torch.nn.functional.binary_cross_entropy_with_logits(
            self.net(batch["raw"])[known], batch["labels"][known]
        )

    def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
        """One step."""
        return self.loss(batch)

    def validation_step(self, batch: dict[str, torch.Tensor], _: int) -> None:
        """Add to the mean over the validation tiles."""
        self.log("validation", self.loss(batch), batch_size=len(batch["idx"]), sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), 1e-2)


def main(csv: str, names: str) -> None:
    """Two epochs."""
    classes = names.split(",")
    split = CellMapDataSplit({"raw": PATCH}, {"labels": PATCH}, classes, csv_path=csv, pad=True)
    data = CellMapDataModule(split, batch_size=2, iterations_per_epoch=10)
    trainer = lightning.Trainer(max_epochs=2, logger=False, enable_checkpointing=False)
    trainer.fit(Segmentation(len(classes)), data)
    print({name: float(value) for name, value in trainer.callback_metrics.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
