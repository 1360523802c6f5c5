"""Fit a model with Lightning: ``fit.py folder workers epochs``; notes what each rank saw, and hooks."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch

from cellmap_data import EnhancedCellMapDataLoader
from tests.enhanced_dataloader.recorder import Recorder
from tests.toy import Toy

warnings.filterwarnings("ignore", module="lightning")


class Model(lightning.LightningModule):
    """Notes the positions and shape of each batch, and how often it was moved."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(64, 1)
        self.seen: list[Any] = []
        self.moved = 0

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        self.moved += 1
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def training_step(self, batch: Any, index: int) -> torch.Tensor:
        self.seen.append((self.current_epoch, list(batch["x"].shape), batch["idx"].tolist()))
        return self.layer(batch["x"].flatten(1)).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 1e-3)


def main(folder: Path, workers: int, epochs: int) -> None:
    rank = os.environ.get("RANK", "0")
    recorder = Recorder(folder / f"hooks{rank}")
    loader = EnhancedCellMapDataLoader(Toy(22), batch_size=3, num_workers=workers, plugins=[recorder])
    quiet = ["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"]
    ranks = {"strategy": "ddp", "devices": 2} if "RANK" in os.environ else {"devices": 1}
    trainer = lightning.Trainer(max_epochs=epochs, accelerator="cpu", **dict.fromkeys(quiet, False), **ranks)
    model = Model()
    trainer.fit(model, loader)
    (folder / f"rank{rank}.json").write_text(json.dumps({"seen": model.seen, "moved": model.moved}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
