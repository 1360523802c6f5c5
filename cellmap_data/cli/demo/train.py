"""One epoch of training: nothing here is special to cellmap_data but the names of the arrays in a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.lr_scheduler import OneCycleLR

from cellmap_data.cli.demo.model import UNet

__all__ = ["Trainer", "segmentation_loss"]

COARSE_WEIGHT = 0.5


class Trainer:
    """A model and the state of its optimiser, for ``steps`` steps in all.

    The learning rate rises and falls once: Smith and Topin, "Super-convergence: very fast training of neural
    networks using large learning rates", 2018.
    """

    def __init__(self, model: UNet, steps: int, learning_rate: float = 8e-3) -> None:
        self.model = model
        self._optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=1e-4)
        self._schedule = OneCycleLR(self._optimiser, learning_rate, total_steps=steps)

    def epoch(self, batches: Iterable[Mapping[str, Tensor]]) -> Iterator[float]:
        """Learn from every batch and give the loss of each."""
        self.model.train()
        for batch in batches:
            fine, coarse = self.model.both_scales(batch["raw"])
            loss = segmentation_loss(fine, batch["labels"])
            loss = loss + COARSE_WEIGHT * segmentation_loss(coarse, batch["coarse"])
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
            self._schedule.step()
            yield loss.item()


def segmentation_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice of every class, over the voxels whose label is known (not NaN).

    ``logits`` and ``labels`` are [B, classes, Z, Y, X]. Dice weighs a class by its own size, so thin
    boundaries count as much as nuclei.
    """
    known = ~labels.isnan()
    truth = labels.nan_to_num()
    entropy = (binary_cross_entropy_with_logits(logits, truth, reduction="none") * known).sum() / known.sum()
    prediction = logits.sigmoid() * known
    all_but_class = (0, *range(2, logits.ndim))
    overlap = (prediction * truth).sum(all_but_class)
    total = (prediction + truth).sum(all_but_class)
    return entropy + (1 - (2 * overlap + 1) / (total + 1)).mean()
