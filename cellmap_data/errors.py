"""Every error this package raises on purpose.

::

    CellMapDataError
    ├── ConfigurationError (ValueError)     an argument, a spec or an option cannot be right
    ├── StoreError (OSError)                a volume cannot be opened, read or written
    │   ├── StoreNotFoundError (FileNotFoundError)
    │   ├── OutputExistsError (FileExistsError)    there is output already, and nobody said what to do with it
    │   ├── MetadataError (ValueError)      what the store says about itself is wrong or unsupported
    │   └── SplitError (ConfigurationError) rows of a split cannot be used as they stand; lists all of them
    ├── PluginError (RuntimeError)
    │   ├── PluginRegistrationError (ValueError)   a plugin was refused
    │   ├── UnknownPluginError (LookupError)       no plugin of that name
    │   └── HookError                              a plugin raised while a hook ran
    │       └── SampleSkippedError                 ... and another sample may come in place of this one
    └── LoaderError (RuntimeError)
        ├── SampleError                     reading one sample failed; the message names it
        ├── PositionError (IndexError)      ... because there is none at that position
        ├── SampleMismatchError (ValueError)  the samples of one batch do not fit together
        ├── ExhaustedError (LookupError)    everything that was asked for has been handed over
        ├── ReadTimeoutError (TimeoutError) what was waited for did not come in time
        ├── PredictionError                 a region could not be predicted and written; the message names it
        ├── WorkerDiedError                 a worker process ended while batches were expected of it
        ├── ShardedTwiceError               two parties split the same sequence over ranks
        └── StaleIteratorError              a newer iterator of the same loader took over

Each is also the builtin in brackets, so ``except ValueError`` keeps working. Messages are built by
:func:`message`: the rule, the place, what was expected, what was got, the next step. All of them survive
pickling, because workers raise them in another process than the one that reports them.

There are four warnings: :class:`SkippedWarning` at the end of an epoch, of failures that were to stop
nothing, :class:`FormatWarning` where a volume is read although its metadata is not quite what the format asks
for, :class:`BrokenRowWarning` of rows that a split leaves out because that was wished, and
:class:`UnannotatedWarning` of crops whose targets are unknown everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellmap_data.sampler import Draw

__all__ = [
    "BrokenRowWarning",
    "CellMapDataError",
    "ConfigurationError",
    "ExhaustedError",
    "FormatWarning",
    "HookError",
    "LoaderError",
    "MetadataError",
    "OutputExistsError",
    "PluginError",
    "PluginRegistrationError",
    "PositionError",
    "PredictionError",
    "ReadTimeoutError",
    "SampleError",
    "SampleMismatchError",
    "SampleSkippedError",
    "ShardedTwiceError",
    "SkippedWarning",
    "SplitError",
    "StaleIteratorError",
    "StoreError",
    "StoreNotFoundError",
    "UnannotatedWarning",
    "UnknownPluginError",
    "WorkerDiedError",
    "message",
]


def message(
    rule: str,
    *,
    sample: object = "",
    crop: str = "",
    place: str = "",
    expected: object = "",
    got: object = "",
    hint: str = "",
) -> str:
    """Lay out an error message: the rule first, then one line for each part that is given.

    A part that begins with a line break is a list, and stands below its label; further lines of any other,
    as of an error that is quoted, stand further in.
    """
    parts = {"sample": sample, "crop": crop, "where": place, "expected": expected, "got": got, "next": hint}
    given = {label: str(part) for label, part in parts.items() if str(part)}
    lines = [_line(label, part) for label, part in given.items()]
    return "\n".join([rule, *lines])


def _line(label: str, part: str) -> str:
    if part.startswith("\n"):
        return f"  {label}:{part}"
    return f"  {label + ':':<9} " + part.replace("\n", "\n    ")


class CellMapDataError(Exception):
    """Base of every error this package raises on purpose."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # KeyError and OSError would print it quoted


class ConfigurationError(CellMapDataError, ValueError):
    """An argument, a spec or an option cannot be right."""


class StoreError(CellMapDataError, OSError):
    """A volume cannot be opened, read or written."""


class StoreNotFoundError(StoreError, FileNotFoundError):
    """There is nothing at the path of a volume."""


class OutputExistsError(StoreError, FileExistsError):
    """There is output already, and neither ``overwrite`` nor ``resume`` was asked for."""


class MetadataError(StoreError, ValueError):
    """What a store says about itself is wrong, contradictory or not supported."""


class SplitError(StoreError, ConfigurationError):
    """Rows of a split cannot be used as they stand: what is written there, or the volumes that it names."""


class PluginError(CellMapDataError, RuntimeError):
    """Base of everything that concerns a plugin."""


class PluginRegistrationError(PluginError, ValueError):
    """A plugin was refused when it was registered."""


class UnknownPluginError(PluginError, LookupError):
    """No plugin of that name is registered or installed."""


class HookError(PluginError):
    """A plugin raised while one of its hooks ran; ``__cause__`` is what it raised.

    Attributes
    ----------
    plugin, hook, distribution : str
        The culprit; no distribution if the program handed the plugin in.
    index : int or None
        The sample, as an index into the loader's dataset; None for hooks that handle no single sample.
    crop : str
        Where that sample lies, in the words of its dataset; empty if the dataset does not say.
    seed, epoch, k : int or None
        Which draw the sample is: with the same three it comes out the same again.
    """

    def __init__(
        self,
        text: str,
        plugin: str = "",
        hook: str = "",
        distribution: str = "",
        index: int | None = None,
        crop: str = "",
        seed: int | None = None,
        epoch: int | None = None,
        k: int | None = None,
    ) -> None:
        super().__init__(text, plugin, hook, distribution, index, crop, seed, epoch, k)
        self.plugin, self.hook, self.distribution, self.index = plugin, hook, distribution, index
        self.crop, self.seed, self.epoch, self.k = crop, seed, epoch, k

    def locate(self, crop: str, draw: Draw) -> None:
        """Add where the sample lies and which draw it is, to the fields and to the message.

        Only the first call counts: when a plugin reads another sample while it handles one, the error is
        about the inner sample.
        """
        if self.k is not None:
            return
        self.crop, (self.seed, self.epoch, self.k) = crop, draw[:3]
        rule, *rest = str(self).split("\n", 1)
        located = message(rule, sample=f"{self.index} (epoch {self.epoch}, draw {self.k})", crop=crop)
        # Pickling makes the error again from its arguments.
        self.args = ("\n".join([located, *rest]), *self.args[1:5], crop, *draw[:3])


class SampleSkippedError(HookError):
    """A plugin failed on a sample, and may: whoever asked for the sample takes another one."""

    @classmethod
    def of(cls, error: HookError) -> SampleSkippedError:
        """The same error, as one that can be skipped."""
        return cls(*error.args)


class LoaderError(CellMapDataError, RuntimeError):
    """Base of what goes wrong while batches are delivered."""


class SampleError(LoaderError):
    """Reading one sample failed; the message names the sample."""


class PositionError(LoaderError, IndexError):
    """There is no sample at a position that a sampler or a program names: reading it raised an IndexError."""


class SampleMismatchError(LoaderError, ValueError):
    """The samples of one batch do not fit together."""


class ExhaustedError(LoaderError, LookupError):
    """Everything that was asked for has been handed over."""


class ReadTimeoutError(TimeoutError, LoaderError):
    """What was waited for did not come in time."""


class PredictionError(LoaderError):
    """A region could not be predicted and written; the message names it."""


class WorkerDiedError(LoaderError):
    """A worker process ended while batches were expected of it."""


class ShardedTwiceError(LoaderError):
    """The sequence of samples was split over ranks by the loader and again by someone else."""


class StaleIteratorError(LoaderError):
    """A newer iterator of the same loader took over; this one delivers no more."""


class SkippedWarning(RuntimeWarning):
    """Plugins failed, and it was wished that this stops nothing."""


class FormatWarning(UserWarning):
    """The metadata of a volume departs from the format; it is read all the same, as the message says."""


class BrokenRowWarning(UserWarning):
    """Rows of a split are left out because they cannot be used, and it was wished that this stops nothing."""


class UnannotatedWarning(UserWarning):
    """Crops have none of the classes that are asked for: their targets are unknown everywhere."""
