"""The hooks of cellmap_data: signatures and prose, nothing else.

Implement any of them in a class or module, marked with ``hookimpl``, and name the arguments you want::

    from cellmap_data.hookspecs import hookimpl

    @hookimpl
    def post_sample(sample, rng):
        sample["raw"] += rng.normal()
        return sample

There are three kinds. *Notify*: every plugin is told, return values are ignored. *Chain*: the value passes
through every plugin, each must return it. *First result*: plugins are asked in order until one answers with
something other than None. The order is the plugins' priority, highest first.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import numpy as np
    import torch
    import typer

    from cellmap_data.buffers import BatchSpec, SlotProvider
    from cellmap_data.storage import ArrayReader, GroupReader

__all__ = ["CHAIN_HOOKS", "ENTRY_POINT_GROUP", "PROJECT_NAME", "hookimpl", "hookspec"]

PROJECT_NAME = "cellmap_data"
ENTRY_POINT_GROUP = "cellmap_data.plugins"

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)

CHAIN_HOOKS = {"post_collate": "batch", "post_sample": "sample"}
"""Hook name -> the argument that passes through the plugins."""


@hookspec
def pre_batch(dataset: Any, indices: Sequence[int]) -> None:
    """Fires when the indices of a batch are known and none of its samples has been read.

    Where: the process that reads. With threads it may run ahead of the batches you consume, by as much as
    the prefetch window; the calls come in the order in which the batches will be delivered.

    Returns nothing. ``dataset.__getitems__(indices)`` gives the finished samples, ``post_sample`` done.

    Example: tell a tape library which shelves will be needed::

        @hookimpl
        def pre_batch(dataset, indices):
            library.fetch_soon(indices)
    """


@hookspec(firstresult=True)
def load_samples(dataset: Any, indices: Sequence[int]) -> Sequence[Mapping[str, Any]] | None:
    """Fires when the samples of one batch are wanted.

    Where: the process that reads. ``post_sample`` runs afterwards on every sample that has not had it.

    Returns the samples, one for each index and in that order, or None for a plain read.

    Example: answer from a cache of your own::

        @hookimpl
        def load_samples(dataset, indices):
            return [cache[i] for i in indices] if all(i in cache for i in indices) else None
    """
    return None


@hookspec
def post_sample(
    sample: MutableMapping[str, Any], index: int, rng: np.random.Generator, is_train: bool
) -> Any:
    """Fires when one sample has been read.

    Where: the process and thread that read it. ``rng`` is this sample's own generator, a function of
    (seed, epoch, position in the epoch), the same for any number of workers; it is yours until you return.

    Returns the sample, changed or new. Tensors may be changed in place; one of another shape or dtype, and
    new keys, are welcome as long as all samples of a batch agree.

    Example: brighten at random::

        @hookimpl
        def post_sample(sample, rng, is_train):
            if is_train:
                sample["raw"] *= rng.uniform(0.9, 1.1)
            return sample
    """


@hookspec(firstresult=True)
def allocate_batch(spec: BatchSpec) -> SlotProvider | None:
    """Fires when a batch is planned and memory for it is wanted.

    Where: the consumer's process. ``spec`` says whether worker processes must reach the memory and whether
    it should be page-locked for a GPU.

    Returns a slot provider (``cellmap_data.buffers``), or None for fresh memory.

    Example: hand out memory from one pool for the life of the plugin::

        @hookimpl
        def allocate_batch(spec):
            if spec not in pools:
                pools[spec] = SlotProvider(spec)
            return pools[spec]
    """
    return None


@hookspec
def post_collate(batch: MutableMapping[str, Any], device: torch.device, is_train: bool) -> Any:
    """Fires when a batch is complete.

    Where: the consumer's process and thread. A plugin with a number below device_transfer's sees the batch
    on the device: that is the place for augmentation on a GPU.

    Returns the batch, changed or new.

    Example: a channels-last batch::

        @hookimpl
        def post_collate(batch):
            batch["raw"] = batch["raw"].to(memory_format=torch.channels_last_3d)
            return batch
    """


@hookspec
def post_batch(batch: Mapping[str, Any]) -> None:
    """Fires when the consumer has asked for the next batch, or closed the iterator.

    Where: the consumer's process and thread. The batch may still be in use; its memory is not reused before
    the last reference to it is gone. A batch that is no mapping comes as ``{"": batch}``.

    Returns nothing.

    Example: count what was trained on::

        @hookimpl
        def post_batch(batch):
            seen.update(batch["idx"].tolist())
    """


@hookspec
def pre_epoch(loader: Any, epoch: int) -> None:
    """Fires when iteration over a loader starts, before anything is planned or read.

    Where: the consumer's process and thread. ``loader`` is the loader, or None when the program has dropped
    it and kept only its ``loader.loader``.

    Returns nothing.

    Example: a schedule::

        @hookimpl
        def pre_epoch(loader, epoch):
            noise.std = 0.1 * min(1.0, epoch / 10)
    """


@hookspec
def post_epoch(loader: Any, epoch: int) -> None:
    """Fires when iteration over a loader ends: exhausted, closed early, or by an exception.

    Where: the consumer's process and thread. Once for each ``pre_epoch``, with the same ``loader``.

    Returns nothing.

    Example: a line in the log::

        @hookimpl
        def post_epoch(epoch):
            print(f"epoch {epoch} ended", file=log)
    """


@hookspec
def setup_worker(worker_id: int, num_workers: int, seed: int) -> None:
    """Fires when a worker process has started and has read nothing yet.

    Where: the worker process. Does not fire with ``num_workers=0``. Returns nothing.

    Example: open what cannot be shared between processes::

        @hookimpl
        def setup_worker(worker_id, num_workers, seed):
            plugin.database = connect()
    """


@hookspec
def teardown_worker(worker_id: int) -> None:
    """Fires when a worker process is about to end in good order.

    Where: the worker process. A killed worker does not get here. Returns nothing.

    Example: close what setup_worker opened::

        @hookimpl
        def teardown_worker(worker_id):
            plugin.database.close()
    """


@hookspec(firstresult=True)
def open_array(uri: str, context: Any) -> ArrayReader | GroupReader | None:
    """Fires when a path is about to be opened, as an array or as the group of a multiscale volume.

    Where: any process that reads, in any thread. Plugins of a loader are asked first, then those that the
    dataset was given itself. ``context`` is what the dataset was given as ``context``.

    Returns a reader (``cellmap_data.storage.ArrayReader``), or None to leave the path to the next plugin
    and at last to tensorstore. For a volume that has no metadata of OME-Zarr, the path of its group is
    answered with a ``cellmap_data.storage.GroupReader``: its ``attributes`` say in the words of OME-Zarr
    which arrays there are and where they lie. For a path that is no group of the plugin's, None will do.

    Example: another file format::

        @hookimpl
        def open_array(uri):
            return MrcReader(uri) if uri.endswith(".mrc") else None
    """
    return None


@hookspec
def add_spatial_transforms(table: dict[str, Any]) -> None:
    """Fires when the table of spatial transforms is built: name -> what draws the transform.

    Where: the process that makes a dataset, when it is made and whenever its spatial transforms are set. Only
    plugins given to the dataset (``CellMapDataset(plugins=...)``) are asked; a loader's come too late.

    Returns nothing; put your entry into ``table``.

    Example: see ``cellmap_data.spatial.SpatialTransform`` for what an entry must offer; what it draws may be
    linear, or any smooth map (``cellmap_data.spatial.Warp``)::

        @hookimpl
        def add_spatial_transforms(table):
            table["shear"] = Shear
    """


@hookspec
def add_commands(app: typer.Typer) -> None:
    """Fires when the command line is built.

    Where: the ``cellmap-data`` command. Returns nothing; add your commands to ``app``.

    Example: a command of your own::

        @hookimpl
        def add_commands(app):
            app.command("denoise")(denoise)
    """
