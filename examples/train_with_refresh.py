"""A plain loop that draws another subset of a huge dataset for every epoch.

    python examples/train_with_refresh.py volume.zarr/raw "volume.zarr/labels/[nuclei]" nuclei

Programs written for earlier releases look like this: a sampler made by the dataset, and ``loader.refresh()``
where a new subset is wanted.
"""

from __future__ import annotations

import sys

import torch

from cellmap_data import CellMapDataLoader, CellMapMultiDataset
from cellmap_data.dataset import CellMapDataset

PATCH = {"shape": (8, 32, 32), "scale": (290, 260, 260)}


def main(raw: str, labels: str, *classes: str) -> None:
    """Three epochs of ten batches."""
    crop = CellMapDataset(raw, labels, classes, {"raw": PATCH}, {"labels": PATCH})
    dataset = CellMapMultiDataset([crop], classes, {"raw": PATCH}, {"labels": PATCH})
    loader = CellMapDataLoader(
        dataset,
        classes,
        batch_size=4,
        sampler=lambda: dataset.get_subset_random_sampler(num_samples=40, weighted=False),
    )
    model = torch.nn.Conv3d(1, len(classes), 3, padding=1)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    for epoch in range(3):
        loader.refresh()
        positions: set[int] = set()
        for batch in loader:
            positions.update(batch["idx"].tolist())
            logits, target = model(batch["raw"] / 65_535), batch["labels"].nan_to_num(0)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, (target > 0).float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: {len(positions)} positions of {len(dataset)}, loss {loss.item():.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
