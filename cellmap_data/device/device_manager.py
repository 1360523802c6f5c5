"""One truth about the device."""

from __future__ import annotations

from typing import Any

import torch

from cellmap_data.device.frameworks import Framework, driving_framework
from cellmap_data.device.nested import map_tensors
from cellmap_data.device.pool import TensorPool
from cellmap_data.device.transfer import CudaCopier
from cellmap_data.errors import ConfigurationError, message

__all__ = ["DeviceManager"]


class DeviceManager:
    """Knows the device, moves tensors there, and lends memory that is used again.

    Making one asks no driver: the best device is looked for when it is needed for the first time. A pickled
    manager takes along the device it was given, and nothing else.

    Parameters
    ----------
    device
        Where tensors go; None for the best there is.

    Raises
    ------
    ConfigurationError
        When ``device`` does not name a device.
    """

    def __init__(self, device: str | torch.device | None = None) -> None:
        self._device = None if device is None else _parsed(device)
        self._copier = CudaCopier()
        self._pools: dict[bool, TensorPool] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"device": self._device}

    def __setstate__(self, state: dict[str, Any]) -> None:
        DeviceManager.__init__(self, state["device"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._device)!r})" if self._device else f"{type(self).__name__}()"

    @property
    def device(self) -> torch.device:
        """Where tensors go; can be set."""
        if self._device is None:
            self._device = self.select_device()
        return self._device

    @device.setter
    def device(self, device: str | torch.device | None) -> None:
        self._device = None if device is None else _parsed(device)

    @property
    def framework(self) -> Framework | None:
        """The training framework that drives now, as :meth:`detect_framework` finds it."""
        return self.detect_framework()

    def select_device(self, preferred: str | torch.device | None = None) -> torch.device:
        """``preferred`` if given, else CUDA, else MPS, else the CPU. Does not change ``device``.

        Raises
        ------
        ConfigurationError
            When ``preferred`` does not name a device.
        """
        if preferred is not None:
            return _parsed(preferred)
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")

    def detect_framework(self) -> Framework | None:
        """``"accelerate"``, ``"lightning"`` or ``"deepspeed"`` if it drives this process now, else None.

        A framework is asked at every call, and only if it is imported already; that alone does not make it
        drive. Accelerate and DeepSpeed drive from the moment they are initialised, Lightning while a trainer
        runs and asks for batches in this thread.
        """
        return driving_framework()

    def to_device(self, x: Any, device: str | torch.device | None = None, non_blocking: bool = True) -> Any:
        """``x`` with every tensor on the device.

        Parameters
        ----------
        x
            A tensor, or nested mappings, lists, tuples and named tuples with tensors; other values are
            passed on. Containers are made anew, a tensor that is on the device already is passed on.
        device
            Where to; None for ``device``.
        non_blocking
            Copy page-locked tensors to CUDA in the background: what is queued later on the current stream
            waits for them, and they are kept alive until the copy is done.
        """
        target = self.device if device is None else _parsed(device)
        if target.type == "cuda" and non_blocking:
            return self._copier.copy(x, target)
        # Only a copy to CUDA may go on after it returned: from another device to the host, a value could be
        # read before it arrived.
        return map_tensors(lambda tensor: tensor if tensor.device == target else tensor.to(target), x)

    def pool_tensor(self, x: torch.Tensor) -> torch.Tensor:
        """A tensor of equal values in pooled memory, page-locked when ``device`` is CUDA.

        The memory is used again when nothing refers to it any more, never while a tensor, view or array
        made from it is alive. A tensor that is not dense in host memory is copied into fresh memory.
        """
        if x.device.type != "cpu" or x.layout != torch.strided or x.is_quantized or not x.numel():
            return x.detach().clone()
        pinned = self.device.type == "cuda"
        return self._pools.setdefault(pinned, TensorPool(pinned)).copy(x)


def _parsed(device: str | torch.device) -> torch.device:
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ConfigurationError(
            message("this is no device", expected="cpu, cuda, cuda:1, mps, ...", got=repr(device))
        ) from error
