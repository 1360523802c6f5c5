"""Transforms that handle their random state as MONAI's do (``monai.transforms.Randomizable``)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


class Randomizable:
    """Draws from ``self.R``, which all instances share until they are given one of their own."""

    R: np.random.RandomState = np.random.RandomState()

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> Any:
        if seed is not None:
            self.R = np.random.RandomState(np.uint32(seed))
        elif state is not None:
            if not isinstance(state, np.random.RandomState):
                raise TypeError(
                    f"state must be None or a np.random.RandomState but is {type(state).__name__}."
                )
            self.R = state
        else:
            self.R = np.random.RandomState()
        return self


class RandShift(Randomizable):
    """Decides in ``randomize`` and remembers the decision on itself, so threads must not share it."""

    def __init__(self, prob: float = 1.0) -> None:
        self.prob = prob

    def randomize(self) -> None:
        self._do_transform = self.R.rand() < self.prob
        self.shift = self.R.uniform(-1, 1)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.randomize()
        return x + self.shift if self._do_transform else x


class RandNoise(Randomizable):
    def __call__(self, x: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        if randomize:
            self.noise = self.R.normal(size=x.shape)
        return x + torch.from_numpy(self.noise)


class RandNoised(Randomizable):
    """The dictionary form: one decision for several keys, made by a part that shares the state."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.noise = RandNoise()

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> Any:
        super().set_random_state(seed, state)
        self.noise.set_random_state(seed, state)
        return self

    def __call__(self, sample: dict[str, Any]) -> dict[str, Any]:
        changed = dict(sample)
        for number, key in enumerate(self.keys):
            changed[key] = self.noise(sample[key], randomize=number == 0)
        return changed


class Compose(Randomizable):
    """Seeds its parts from its own state."""

    def __init__(self, transforms: list[Any]) -> None:
        self.transforms = transforms

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> Any:
        super().set_random_state(seed=seed, state=state)
        for transform in self.transforms:
            if isinstance(transform, Randomizable):
                transform.set_random_state(seed=self.R.randint(np.iinfo(np.uint32).max, dtype="uint32"))
        return self

    def __call__(self, x: Any) -> Any:
        for transform in self.transforms:
            x = transform(x)
        return x
