"""Train with Hugging Face Accelerate.

    accelerate launch examples/train_accelerate.py volume.zarr/raw "volume.zarr/labels/[nuclei]" nuclei

``accelerator.prepare`` takes ``loader.loader``, a stock DataLoader; Accelerate then splits batches over ranks
and moves them to the device, and the loader leaves both to it.
"""

from __future__ import annotations

import sys

import torch
from accelerate import Accelerator

from cellmap_data import CellMapDataset, EnhancedCellMapDataLoader

PATCH = {"shape": (8, 32, 32), "scale": (290, 260, 260)}


def main(raw: str, labels: str, *classes: str) -> None:
    """One epoch of ten batches on each rank."""
    accelerator = Accelerator()
    dataset = CellMapDataset(raw, labels, classes, {"raw": PATCH}, {"labels": PATCH}, seed=1)
    loader = EnhancedCellMapDataLoader(dataset, batch_size=2, iterations_per_epoch=10)
    net = torch.nn.Conv3d(1, len(classes), 3, padding=1)
    optimizer = torch.optim.SGD(net.parameters(), 1e-3)
    model, optimizer, batches = accelerator.prepare(net, optimizer, loader.loader)
    seen: list[int] = []
    for batch in batches:
        seen += batch["idx"].tolist()
        logits, target = model(batch["raw"] / 65_535), batch["labels"].nan_to_num(0)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, (target > 0).float())
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
    print(f"rank {accelerator.process_index}: {sorted(seen)}", flush=True)
    accelerator.end_training()


if __name__ == "__main__":
    main(*sys.argv[1:])
