"""Prediction on the workers of ``dask.distributed``: an executor that hands regions to a client.

::

    from dask.distributed import Client
    from cellmap_data.dataset_writer.dask import DaskExecutor

    with Client(scheduler_file="scheduler.json") as client:
        writer.predict(model, executor=DaskExecutor(client))

Only futures are used. What is done stands in the ledger of the output and nowhere else: when dask loses a
worker its regions are predicted again, and when the client dies, a new one goes on with ``resume=True``.
Needs ``cellmap-data[dask]``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as DaskFuture

__all__ = ["DaskExecutor"]


class DaskExecutor:
    """Hands out work to the workers of a dask cluster.

    Parameters
    ----------
    client : distributed.Client
        The cluster.
    **options
        For each call of ``client.submit``, for example ``resources={"GPU": 1}`` or ``priority``.
    """

    def __init__(self, client: Client, **options: Any) -> None:
        self._client = client
        self._options = {"pure": False, **options}
        self._shared: dict[int, tuple[Any, DaskFuture[Any]]] = {}

    def submit(self, work: Callable[..., Any], /, *arguments: Any) -> DaskFuture[Any]:
        """Hand out a call. The first argument travels once to each worker, the others each time."""
        first = [self._share(argument) for argument in arguments[:1]]
        key = f"{work.__name__}-{'-'.join(map(str, arguments[1:]))}-{uuid.uuid4().hex}"
        future: DaskFuture[Any] = self._client.submit(work, *first, *arguments[1:], key=key, **self._options)
        return future

    def _share(self, value: Any) -> DaskFuture[Any]:
        """The value as the result of a task: dask makes it again if it is lost with its workers."""
        known = self._shared.get(id(value))
        if known is None:
            key = f"{type(value).__name__}-{uuid.uuid4().hex}"
            known = self._shared[id(value)] = value, self._client.submit(_same, value, key=key)
        return known[1]


def _same(value: Any) -> Any:
    return value
