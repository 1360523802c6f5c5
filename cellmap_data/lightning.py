"""The loaders of a split as a Lightning data module; needs the extra ``cellmap-data[lightning]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightning import LightningDataModule

from cellmap_data.datasplit import CellMapDataSplit
from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader
from cellmap_data.errors import ConfigurationError, message

__all__ = ["CellMapDataModule"]


class CellMapDataModule(LightningDataModule):
    """Trains on the training crops of a split, validates on tiles that cover its validation crops.

    Lightning moves batches to the device and the loaders leave that to it; the loaders split over ranks, and
    Lightning leaves that to them. A checkpoint in mid-epoch holds where the loaders stand.

    Parameters
    ----------
    split : CellMapDataSplit
        The crops.
    batch_size : int
        Samples in a batch, of training and validation.
    validation_options : mapping, optional
        Arguments of the validation loader, in place of those of training with the same names.
    **options
        Arguments of :class:`~cellmap_data.EnhancedCellMapDataLoader`, for both loaders; those that choose the
        samples of an epoch (``sampler``, ``batch_sampler``, ``weighted_sampler``, ``iterations_per_epoch``,
        ``shuffle``, ``drop_last``, ``patches_per_window`` and what goes with it) for training only.

    Raises
    ------
    ConfigurationError
        If that is no split; and when Lightning asks for a loader that cannot be made with these options.
    """

    def __init__(
        self,
        split: CellMapDataSplit,
        batch_size: int = 1,
        *,
        validation_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if not hasattr(split, "train_datasets_combined"):
            rule = "A data module makes the loaders of a split."
            raise ConfigurationError(message(rule, expected="a CellMapDataSplit", got=type(split).__name__))
        self.split = split
        self._training = {"device": "cpu", "batch_size": batch_size, **options}
        shared = {name: value for name, value in self._training.items() if name not in _CHOOSING}
        self._validation = {**shared, **(validation_options or {})}

    def __str__(self) -> str:
        """What it trains on: Lightning's own would read all of an epoch to tell."""
        return f"{type(self).__name__}({self.split!r}, batch_size={self._training['batch_size']})"

    __repr__ = __str__

    def train_dataloader(self) -> EnhancedCellMapDataLoader:
        """A loader of the training crops."""
        return EnhancedCellMapDataLoader(self.split.train_datasets_combined, is_train=True, **self._training)

    def val_dataloader(self) -> EnhancedCellMapDataLoader:
        """A loader of the validation tiles, in sequence."""
        return EnhancedCellMapDataLoader(self.split.validation_blocks, is_train=False, **self._validation)


_CHOOSING = (
    "batch_sampler",
    "drop_last",
    "iterations_per_epoch",
    "patches_per_window",
    "sampler",
    "shuffle",
    "weighted_sampler",
    "window",
    "windows_at_once",
)
