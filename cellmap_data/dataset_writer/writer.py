"""The tiles of an output as a dataset that is written to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Subset

from cellmap_data.config.arrays import ArrayOptions
from cellmap_data.dataset import JoinedIndices, Sample, position
from cellmap_data.dataset_writer.asked import Asked, Bounds
from cellmap_data.dataset_writer.division import Overlap, PredictOptions
from cellmap_data.dataset_writer.done import TileLedger
from cellmap_data.dataset_writer.executors import Executor
from cellmap_data.dataset_writer.loading import make_loader
from cellmap_data.dataset_writer.predicting import Prediction, predict
from cellmap_data.dataset_writer.stores import Stores, WriteOptions, Written
from cellmap_data.dataset_writer.tile_dataset import TileDataset
from cellmap_data.dataset_writer.values import Given, cut, given_values
from cellmap_data.errors import message
from cellmap_data.image import ValueCallable
from cellmap_data.image_writer import ImageWriter
from cellmap_data.spatial import AXES

if TYPE_CHECKING:
    from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader

Indices = SupportsIndex | Sequence[SupportsIndex] | torch.Tensor | npt.NDArray[np.integer[Any]]


class CellMapDatasetWriter(TileDataset):
    """The raw patches from which a model makes an output, and the output itself.

    ::

        writer = CellMapDatasetWriter(raw, "out.zarr/pred", ["nuc", "er"], inputs, targets)
        for batch in writer.loader(batch_size=4):
            writer[batch["idx"]] = model(batch["raw"])
        writer.finish()

    Position ``i`` is a tile: a block of the output, with the patch that is read for it. Tiles lie side by
    side over ``target_bounds``, so every voxel is written exactly once; at the upper edges the patch is moved
    inward and what is written is clipped. :meth:`predict` runs the loop, with overlap if wanted.

    Outputs lie on the lattice of the raw level of their voxel size, or else on one that begins at the lower
    edge of raw. Each class is a multiscale group ``target_path/class``; ``target_path/array/class`` where
    there are several target arrays. Of several, the smallest patch along each axis is the tile, and of the
    others what lies in it is written.

    Making a writer makes the outputs. Threads may share it. Pickled, it joins the same outputs.

    Parameters
    ----------
    raw_path : str
        A multiscale group: a local path, ``s3://``, ``gs://`` or ``http(s)://``.
    target_path : str
        Where to write: a path, ``s3://`` or ``gs://``.
    classes : sequence of str
        What is written.
    input_arrays, target_arrays : mapping
        ``{name: {"shape": (z, y, x) in voxels, "scale": (z, y, x) in nm}}``. A shape may begin with a number
        of channels. If there are as many as classes of the model, or one, that is what they are; of a target
        any other number is stored for each class, as an axis of its own.
    target_bounds : mapping, optional
        ``{array: {axis: (lo, hi)}}`` in nm: what to write. None, and what is left out, is all that raw
        covers. What lies beyond raw is predicted from padding.
    overwrite : bool
        Remove outputs that are there.
    device : str or torch.device, optional
        Where :meth:`predict` and :meth:`loader` put batches.
    raw_value_transforms : callable or sequence of callables, optional
        As for :class:`~cellmap_data.CellMapDataset`.
    model_classes : sequence of str, optional
        The channels of a model's output, in order; None for ``classes``, which must be among them.
    axis_order : str
        "zyx" is the only order there is.
    context : object, optional
        How to reach stores, see :mod:`cellmap_data.storage.access`; handed on to plugins that open arrays.
    rng, empty_value, max_workers
        Accepted from users of earlier releases; of no effect.
    dtype : dtype
        Of what is stored.
    fill_value : float
        What is read where nothing was written.
    resume : bool
        Go on with outputs that are there: only what is not done is left.
    run_id : str, optional
        Writers with the same one write the same outputs together, in any process on any machine.
    ngff, chunk_shape, levels, conversion, downsampling
        As for :class:`~cellmap_data.ImageWriter`. The coarser levels are written by :meth:`finish`.
    block_shape : sequence of int, optional
        Voxels that are stored as one chunk, or as one shard; None for a patch.
    seed : int
        Of transforms that draw. What they draw depends on the tile alone.
    plugins : PluginManager or Plugins, optional
        Asked for readers, as for :class:`~cellmap_data.CellMapDataset`.

    Raises
    ------
    ConfigurationError
        If arguments cannot be right, or outputs that are there are others.
    OutputExistsError
        If there are outputs, and neither ``overwrite`` nor ``resume``.
    StoreError
        If raw cannot be read or outputs cannot be made.
    """

    def __init__(
        self,
        raw_path: str,
        target_path: str,
        classes: Sequence[str],
        input_arrays: ArrayOptions,
        target_arrays: ArrayOptions,
        target_bounds: Bounds | None = None,
        overwrite: bool = False,
        device: str | torch.device | None = None,
        raw_value_transforms: ValueCallable | Sequence[ValueCallable] | None = None,
        model_classes: Sequence[str] | None = None,
        axis_order: str = AXES,
        context: Any = None,
        *,
        rng: torch.Generator | None = None,  # noqa: ARG002 - accepted from users of earlier releases
        empty_value: float | None = None,  # noqa: ARG002
        max_workers: int | None = None,  # noqa: ARG002
        dtype: npt.DTypeLike | torch.dtype = np.float32,
        fill_value: float = 0,
        resume: bool = False,
        run_id: str | None = None,
        ngff: str = "0.4",
        chunk_shape: Sequence[int] | None = None,
        block_shape: Sequence[int] | None = None,
        levels: int = 1,
        conversion: str = "exact",
        downsampling: str | None = None,
        seed: int = 0,
        plugins: Any = None,
    ) -> None:
        asked = Asked.parse(target_path, classes, model_classes, input_arrays, target_arrays, target_bounds)
        asked.check_apart(raw_path)
        super().__init__(
            asked,
            raw_path,
            input_arrays,
            raw_value_transforms=raw_value_transforms,
            device=device,
            seed=seed,
            plugins=plugins,
            context=context,
            axis_order=axis_order,
        )
        self.target_path, self.target_arrays = str(target_path), dict(target_arrays)
        self.model_classes, self.overwrite, self.resume = list(asked.model_classes), overwrite, resume
        self.run_id = run_id or uuid.uuid4().hex
        stored = {
            "dtype": dtype,
            "fill_value": fill_value,
            "ngff": ngff,
            "chunk_shape": chunk_shape,
            "levels": levels,
            "conversion": conversion,
            "downsampling": downsampling,
        }
        options = WriteOptions(overwrite, resume, self.run_id, context, block_shape, stored)
        self.stores = Stores(asked, self.geometry, options)
        self._tile_ledger: TileLedger | None = None

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_tile_ledger": None}

    def __repr__(self) -> str:
        return f"CellMapDatasetWriter({self.raw_path!r}, {self.target_path!r}, classes={self.classes})"

    def __setitem__(self, idx: Indices, values: Any) -> None:
        """Write what a model gave for one tile or several.

        Parameters
        ----------
        idx : int, tensor, array or sequence of int
            The positions: ``batch["idx"]``.
        values : tensor, array, number or mapping
            ``{output: {class: t}}``, ``{output: t}``; with one output ``{class: t}`` or ``t``. A tensor of an
            output is [B, model classes, *spatial], one of a class [B, *spatial]; without B for a single
            position; axes of length 1 may be there or not. What is not among ``classes`` is passed over. On
            return all of it is durable; tiles of which everything is written count as done.

        Raises
        ------
        IndexError, TypeError
            If a position does not exist, or is no whole number.
        ConfigurationError
            If names or shapes do not fit, or the stored type does not have the values.
        StoreError
            If the store does not take it; the tiles do not count as done then.
        """
        tiles = [position(index, len(self)) for index in _indices(idx)]
        shapes = [output.patch.shape for output in self.geometry.outputs]
        given = list(given_values(values, self.asked, self.geometry.outputs, shapes, len(tiles)))
        self.stores.write([part for row, tile in enumerate(tiles) for part in self._parts(tile, row, given)])
        self._tiles.written(tiles, [(one.output, one.name) for one in given])

    @property
    def target_array_writers(self) -> dict[str, dict[str, ImageWriter]]:
        """What writes each class of each target array."""
        return self.stores.writers

    @property
    def writer_indices(self) -> JoinedIndices:
        """The positions that are not written yet, a lazy sequence of them as of now."""
        self._tiles.ledger.refresh()
        return JoinedIndices.of(self._tiles.ledger.remaining(len(self)))

    @property
    def blocks(self) -> Subset[Sample]:
        """The tiles that are not written yet."""
        return Subset(self, self.writer_indices)

    def loader(self, batch_size: int = 1, num_workers: int = 0, **options: Any) -> EnhancedCellMapDataLoader:
        """A loader of the tiles that are not written yet, in order.

        Parameters
        ----------
        batch_size, num_workers, **options
            As for :class:`~cellmap_data.EnhancedCellMapDataLoader`, with ``is_train=False``.
        """
        options = {"device": self.device, **options}
        return make_loader(self.blocks, batch_size=batch_size, num_workers=num_workers, **options)

    def predict(
        self,
        model: Callable[[Any], Any],
        batch_size: int = 1,
        *,
        overlap: Overlap = 0,
        blend: str = "gaussian",
        window_bytes: int = 1 << 31,
        planes: Sequence[str] | None = None,
        num_workers: int = 0,
        device: str | torch.device | None = None,
        share: tuple[int, int] = (0, 1),
        executor: Executor | None = None,
        at_once: int | None = None,
        retries: int = 2,
        plugins: Any = (),
        progress: bool = True,
        **loader_options: Any,
    ) -> Prediction:
        """Predict all that is not done, region by region.

        A region is whole blocks of the output: its tiles are predicted, blended in memory, and written once.
        Regions are independent and come out the same wherever and however often they are predicted, and what
        a voxel becomes does not depend on how they lie. The ledger in the output knows those that are done.

        Parameters
        ----------
        model : callable
            From the input [B, 1, *spatial], or with several inputs from a mapping of them, to what
            :meth:`__setitem__` takes, of all outputs and classes. A torch module is put into evaluation mode
            meanwhile, and gradients are off.
        batch_size : int
            Tiles that the model is given at once; those of one region.
        overlap : int, float or sequence of these
            What neighbouring tiles have in common along z, y, x: voxels (int) or a share of the patch
            (float), less than a patch.
        blend : {"gaussian", "constant"}
            How tiles count where they overlap: most in their middle, or the same everywhere.
        window_bytes : int
            Memory for the region that is made, in each process; one that was made before is written
            meanwhile. Regions are as large as it allows, for tiles that reach into several are predicted
            several times: the returned ``repeated`` says how often.
        planes : sequence of str, optional
            For inputs and targets of shape (1, H, W): predict planes across each of these axes, and average.
        num_workers : int
            Processes that read.
        device : str or torch.device, optional
            Where the model and its batches are put; None for the writer's, else where the model is.
        share : tuple of int
            (i, n): predict the regions i, i + n, i + 2n, ... alone; n jobs of one ``run_id`` do all.
        executor : Executor, optional
            Hands out regions, for example ``concurrent.futures.ProcessPoolExecutor``, started by "forkserver"
            or "spawn", or :class:`cellmap_data.dataset_writer.dask.DaskExecutor`; None for this process.
        at_once : int, optional
            Regions handed out at a time; None for two for each core of this machine.
        retries : int
            How often an executor is given a region again that failed.
        plugins, **loader_options
            As for :class:`~cellmap_data.EnhancedCellMapDataLoader`; hooks see ``is_train=False``.
        progress : bool
            Whether to show a bar, in a terminal.

        Returns
        -------
        Prediction
            What was done.

        Raises
        ------
        PredictionError
            If a region fails, naming it; the others are done or can be with ``resume=True``.
        ConfigurationError
            If options cannot be right, or what is done was done with others.
        """
        loader = {"num_workers": num_workers, "plugins": plugins, **loader_options}
        options = PredictOptions(
            batch_size=batch_size,
            overlap=overlap,
            blend=blend,
            window_bytes=window_bytes,
            planes=planes,
            device=device,
            share=share,
            executor=executor,
            at_once=at_once,
            retries=retries,
            progress=progress,
            loader=loader,
        )
        return predict(self, model, options)

    def finish(self) -> None:
        """Write the coarser levels that ``levels`` asks for, when all is written; once, by one process."""
        self.stores.finish()

    def close(self) -> None:
        """Let go of all that is open; reading and writing open it again."""
        super().close()
        self.stores.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _tiles(self) -> TileLedger:
        """Which tiles are done; opened when that is first of interest."""
        if self._tile_ledger is None:
            job = self._job
            with self._lock:
                if self._tile_ledger is None:
                    self._tile_ledger = TileLedger(self.stores.ledger("tiles", job), self.stores.keys)
        return self._tile_ledger

    @property
    def _job(self) -> dict[str, Any]:
        """What must be the same for a tile to be the same."""
        frame = self.geometry.frame
        return {"frame": list(frame.lattice.shape), "patch": list(frame.patch), "volumes": self.stores.names}

    def _parts(self, tile: int, row: int, given: Sequence[Given]) -> Iterator[Written]:
        """What of one sample's values is written where."""
        geometry, tiles = self.geometry, self.geometry.tiles
        place = tiles.place(tile)
        boxes = geometry.boxes(tiles.part_of(place))
        shapes = [output.patch.shape for output in geometry.outputs]
        firsts = geometry.firsts(tiles.patch_of(place), shapes)
        for output, name, values in given:
            if output in boxes:
                yield output, name, boxes[output], cut(values[row], boxes[output], firsts[output])


def _indices(idx: Indices) -> list[SupportsIndex]:
    """The positions as a list; one alone is a list of one."""
    if isinstance(idx, torch.Tensor | np.ndarray):
        if idx.dtype in (torch.bool, np.bool_):
            raise TypeError(
                message(
                    "A position is a whole number.",
                    expected='ints, as in batch["idx"]',
                    got=f"{type(idx).__name__} of bool",
                    hint="mask.nonzero() has the positions where a mask is True",
                )
            )
        return list(idx.reshape(-1).tolist())
    return list(idx) if isinstance(idx, Sequence) and not isinstance(idx, str) else [idx]
