"""Random changes of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from cellmap_data.errors import ConfigurationError, message
from cellmap_data.plugins import DataLoaderPlugin
from cellmap_data.transforms import Seeded, TensorTransform

Transform: TypeAlias = Callable[..., Any]
ByKey: TypeAlias = Mapping[str, Transform | Iterable[Transform]]
Transforms: TypeAlias = Transform | ByKey | Iterable[Transform | ByKey]


class AugmentationPlugin(DataLoaderPlugin):
    """Passes every training sample through a list of transforms.

    A transform is any callable: a function, one of ``cellmap_data.transforms``, of torchvision v2 or of
    MONAI. What it draws depends on the sample alone (seed, epoch, position), not on threads and workers:
    one with an argument ``rng`` gets the sample's numpy generator; torch's functions, and generators that a
    transform keeps for itself, are seeded for the sample. Only a transform that draws from what all threads
    share, such as ``numpy.random.rand()``, needs worker processes, and says so without.

    Parameters
    ----------
    transforms
        Callables on the whole sample, ``{key: callables}`` for those on the tensor of one key, or several of
        either; they run in the given order.
    priority
        Place in the order of plugins.

    Raises
    ------
    ConfigurationError
        When something is no transform, or works on one tensor and no key is named.

    Examples
    --------
    ::

        AugmentationPlugin([{"raw": [RandomContrast(), GaussianNoise(std=0.02)]}, my_function_of_a_sample])
    """

    def __init__(self, transforms: Transforms | None = None, priority: int = 50) -> None:
        super().__init__("augmentation", priority)
        self._steps: list[_Step] = []
        for transform in _listed(transforms):
            self.add_transform(transform)

    @property
    def transforms(self) -> list[Transform]:
        """The callables, in the order in which they run."""
        return [step.seeded.transform for step in self._steps]

    def get_hook_methods(self) -> dict[str, str]:
        """Samples are changed where they are read."""
        return {"post_sample": "augment", "pre_epoch": "forget_copies"}

    def add_transform(self, transform: Transform | ByKey) -> None:
        """Append a callable on the sample, or ``{key: callables}``.

        Raises
        ------
        ConfigurationError
            As for the constructor.
        """
        self._steps += list(_steps(transform))
        self.changed()

    def clear_transforms(self) -> None:
        """Remove all transforms."""
        self._steps = []
        self.changed()

    def augment(self, sample: Any, index: int, rng: np.random.Generator, is_train: bool) -> Any:  # noqa: ARG002
        """Transform one sample; outside training, return it as it is."""
        if is_train:
            for step in self._steps:
                sample = step(sample, rng)
        return sample

    def forget_copies(self) -> None:
        """Let changes made to a transform between epochs reach the copies that threads have."""
        for step in self._steps:
            step.seeded.forget_copies()


class _Step:
    """One transform of the whole sample, or of what is under one key."""

    def __init__(self, transform: Transform, key: str | None) -> None:
        self.seeded = Seeded(transform)
        self.key = key
        if key is None and isinstance(transform, TensorTransform):
            raise ConfigurationError(
                message(
                    f"{self.seeded.name} works on one tensor, and a sample has several",
                    expected=f'the key of an array: {{"raw": {self.seeded.name}(...)}}',
                    got=f"{self.seeded.name} for the whole sample",
                )
            )

    def __call__(self, sample: Any, rng: np.random.Generator) -> Any:
        if self.key is None:
            return self.seeded(sample, rng)
        if self.key not in sample:
            raise ConfigurationError(
                message(
                    f"transform {self.seeded.name} is for a key that the sample does not have",
                    expected=", ".join(map(str, sample)),
                    got=repr(self.key),
                )
            )
        sample[self.key] = self.seeded(sample[self.key], rng)
        return sample


def _listed(transforms: Any) -> list[Any]:
    if transforms is None:
        return []
    several = (
        isinstance(transforms, Iterable) and not callable(transforms) and not isinstance(transforms, Mapping)
    )
    return list(transforms) if several else [transforms]


def _steps(transform: Any) -> Iterator[_Step]:
    if not isinstance(transform, Mapping):
        yield _Step(transform, None)
        return
    for key, listed in transform.items():
        yield from (_Step(one, key) for one in _listed(listed))
