"""Train on several ranks with torch alone.

    torchrun --nproc-per-node 2 examples/train_ddp.py volume.zarr/raw "volume.zarr/labels/[nuclei]" nuclei

The loader asks torch.distributed for the rank: the ranks see disjoint samples, which together are those of a
single process. Nothing else is to be done, and no DistributedSampler.
"""

from __future__ import annotations

import sys

import torch

from cellmap_data import CellMapDataset, EnhancedCellMapDataLoader

PATCH = {"shape": (8, 32, 32), "scale": (290, 260, 260)}


def main(raw: str, labels: str, *classes: str) -> None:
    """One epoch of ten batches on each rank."""
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    rank = torch.distributed.get_rank()
    device = f"cuda:{rank % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"
    dataset = CellMapDataset(raw, labels, classes, {"raw": PATCH}, {"labels": PATCH}, seed=1)
    loader = EnhancedCellMapDataLoader(dataset, batch_size=2, iterations_per_epoch=10, device=device)
    net = torch.nn.Conv3d(1, len(classes), 3, padding=1).to(device)
    model = torch.nn.parallel.DistributedDataParallel(net)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    seen: list[int] = []
    for batch in loader:
        seen += batch["idx"].tolist()
        logits, target = model(batch["raw"] / 65_535), batch["labels"].nan_to_num(0)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, (target > 0).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"rank {rank}: {sorted(seen)}", flush=True)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
