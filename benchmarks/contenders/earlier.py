"""The earlier cellmap-data (2026.3), as its documentation says. It delivers float32."""

from __future__ import annotations

from serve import serve

import cellmap_data


def make(task):
    """Batches of its loader."""
    array = {"shape": (task.patch,) * 3, "scale": (8.0,) * 3}
    arrays = {"raw": array}, {"labels": array}
    datasets = [
        cellmap_data.CellMapDataset(
            f"{place}/raw",
            f"{place}/labels/[{','.join(task.classes)}]",
            task.classes,
            *arrays,
            spatial_transforms=task.transforms or None,
        )
        for place in task.places
    ]
    dataset = cellmap_data.CellMapMultiDataset(datasets, task.classes, *arrays) if task.crops else datasets[0]
    options = {"persistent_workers": True} if task.workers else {}
    return cellmap_data.CellMapDataLoader(
        dataset,
        batch_size=task.batch,
        num_workers=task.workers,
        is_train=True,
        device="cpu",
        iterations_per_epoch=10**5,
        **options,
    )


if __name__ == "__main__":
    serve(make)
