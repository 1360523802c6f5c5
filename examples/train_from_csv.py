"""Train from a table of crops, weigh the classes by how rare they are, and save pictures of what was learned.

    python examples/train_from_csv.py datasplit.csv nuclei,boundary --epochs 2 --output figures

``datasplit.csv`` has a row for each crop: ``split,raw_path,gt_path``. Labels that nobody has
annotated are NaN in a batch and have no part in the loss.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from cellmap_data import CellMapDataLoader, CellMapDataSplit
from cellmap_data.utils import get_fig_dict


def parse() -> argparse.Namespace:
    """What the user asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", help="rows of split,raw_path,gt_path")
    parser.add_argument("classes", help="separated by commas")
    parser.add_argument("--shape", type=int, nargs=3, default=(16, 64, 64), help="voxels of a patch: z y x")
    parser.add_argument("--scale", type=float, nargs=3, default=(290, 260, 260), help="nm of a voxel: z y x")
    parser.add_argument("--batches", type=int, default=20, help="batches of an epoch")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("figures"))
    return parser.parse_args()


def masked_loss(logits: torch.Tensor, labels: torch.Tensor, pos_weight: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy where labels are known; a rare class counts as much as a frequent one."""
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, labels.nan_to_num(0), pos_weight=pos_weight, reduction="none"
    )
    known = ~labels.isnan()
    return (loss * known).sum() / known.sum().clamp(min=1)


def main() -> None:
    """Train, validate, draw."""
    args = parse()
    classes = args.classes.split(",")
    patch = {"shape": tuple(args.shape), "scale": tuple(args.scale)}
    split = CellMapDataSplit(
        {"raw": patch},
        {"labels": patch},
        classes,
        csv_path=args.csv,
        pad=True,
        spatial_transforms={"mirror": {"axes": {"x": 0.5, "y": 0.5}}, "rotate": {"axes": {"z": 180}}},
    )
    train = split.train_datasets_combined
    loader = CellMapDataLoader(
        train, classes, batch_size=2, weighted_sampler=True, iterations_per_epoch=args.batches
    )
    validation = CellMapDataLoader(split.validation_blocks, classes, batch_size=2, is_train=False)

    pos_weight = torch.tensor([train.class_weights[name] for name in classes]).clamp(max=100)
    pos_weight = pos_weight.view(-1, 1, 1, 1)
    model = torch.nn.Sequential(
        torch.nn.Conv3d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv3d(8, len(classes), 3, padding=1)
    )
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for epoch in range(args.epochs):
        model.train()
        for batch in loader:
            loss = masked_loss(model(batch["raw"]), batch["labels"], pos_weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            losses = [masked_loss(model(b["raw"]), b["labels"], pos_weight).item() for b in validation]
        print(f"epoch {epoch}: loss {loss.item():.3f}, validation {sum(losses) / len(losses):.3f}")

    args.output.mkdir(parents=True, exist_ok=True)
    batch = next(iter(validation))
    with torch.no_grad():
        predictions = model(batch["raw"]).sigmoid()
    for name, figure in get_fig_dict(batch["raw"], batch["labels"], predictions, classes).items():
        figure.savefig(args.output / f"{name}.png")


if __name__ == "__main__":
    main()
