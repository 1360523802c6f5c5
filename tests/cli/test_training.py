"""The model and the loss of the demo."""

from __future__ import annotations

import pytest
import torch

from cellmap_data.cli.demo.model import UNet
from cellmap_data.cli.demo.train import Trainer, segmentation_loss


def test_the_model_keeps_the_grid() -> None:
    """Logits lie on the voxels of the input, one channel for each class."""
    logits = UNet(classes=2)(torch.zeros(1, 1, 8, 12, 16))
    assert logits.shape == (1, 2, 8, 12, 16)
    assert logits.dtype == torch.float32


def test_the_coarse_head_sees_voxels_of_twice_the_size() -> None:
    """Its logits cover the same space with half as many voxels along each axis."""
    fine, coarse = UNet(classes=2).both_scales(torch.zeros(1, 1, 8, 12, 16))
    assert fine.shape == (1, 2, 8, 12, 16)
    assert coarse.shape == (1, 2, 4, 6, 8)


def test_unknown_labels_do_not_count() -> None:
    """Where a label is NaN, what the model says changes neither the loss nor its gradient."""
    labels = torch.tensor([0.0, 1.0, float("nan"), float("nan")]).reshape(1, 1, 1, 2, 2)
    logits = torch.tensor([-1.0, 2.0, 30.0, -30.0]).reshape(labels.shape).requires_grad_()
    loss = segmentation_loss(logits, labels)
    loss.backward()
    known_only = segmentation_loss(logits[..., :1, :], labels[..., :1, :])
    assert loss.item() == pytest.approx(known_only.item())
    assert logits.grad is not None
    assert torch.equal(logits.grad[0, 0, 0, 1], torch.zeros(2))


def test_training_lowers_the_loss() -> None:
    """The trainer learns a pattern that is there to be learnt."""
    torch.manual_seed(0)
    raw = torch.rand(2, 1, 8, 8, 8)
    coarse = torch.nn.functional.avg_pool3d(raw, 2)
    batch = {"raw": raw, "labels": (raw > 0.5).float(), "coarse": (coarse > 0.5).float()}
    losses = list(Trainer(UNet(classes=1, width=4), steps=20).epoch([batch] * 20))
    assert losses[-1] < 0.8 * losses[0]
