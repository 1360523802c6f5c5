"""The loader with plugins: the four built-in ones, and any that is installed or handed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from cellmap_data.config import counted
from cellmap_data.dataloader import CellMapDataLoader, HookRelay
from cellmap_data.dataloader.choice import SamplerLike
from cellmap_data.device.device_manager import DeviceManager
from cellmap_data.errors import ConfigurationError, PluginError, message
from cellmap_data.plugins import FailurePolicy, PluginManager, PluginRelay, build_manager
from cellmap_data.plugins.selection import DEFAULT_PLUGINS

__all__ = ["CellMapDataLoaderWithPlugins", "EnhancedCellMapDataLoader"]


class EnhancedCellMapDataLoader(CellMapDataLoader):
    """A :class:`~cellmap_data.CellMapDataLoader` whose every stage plugins can extend.

    Four plugins come with the package and are on unless switched off: prefetch (priority 100), augmentation
    (50), memory_optimization (20) and device_transfer (10). Others are enabled by the name of their entry
    point, or handed in as objects.

    Parameters
    ----------
    dataset, classes, batch_size, num_workers, weighted_sampler, sampler, is_train, rng, device
        As for :class:`~cellmap_data.CellMapDataLoader`; batches arrive on ``device``.
    iterations_per_epoch
        Batches of an epoch; None = every position once.
    enable_plugins
        False makes this the plain loader; ``plugins`` must then be empty.
    enable_prefetch, enable_augmentation, enable_device_transfer, enable_memory_optimization
        Switches of the built-in plugins.
    max_prefetch
        Samples read ahead with ``num_workers=0``. Workers read ahead by torch's ``prefetch_factor``.
    transforms
        What the augmentation plugin runs: callables on a sample, or a mapping from key to callables.
    plugins
        More plugins, one or several: names of entry points, or of distributions that offer one plugin
        (``"no:name"`` leaves one out), ``{name: options}``, plugin objects.
    **torch_options
        And ``patches_per_window``, ``window``, ``windows_at_once``: as for
        :class:`~cellmap_data.CellMapDataLoader`.

    Raises
    ------
    ConfigurationError
        When arguments contradict each other or a keyword is unknown.
    UnknownPluginError
        When no installed plugin has a given name; the message has the nearest one.
    PluginRegistrationError
        When a plugin is refused.

    Attributes
    ----------
    plugin_manager
        The plugins, or None with ``enable_plugins=False``.
    """

    plugin_manager: PluginManager | None

    def __init__(
        self,
        dataset: Any,
        classes: Sequence[str] | None = None,
        batch_size: int = 1,
        num_workers: int = 0,
        weighted_sampler: bool = False,
        sampler: SamplerLike | None = None,
        is_train: bool = True,
        rng: torch.Generator | None = None,
        device: str | torch.device | None = None,
        iterations_per_epoch: int | None = None,
        enable_plugins: bool = True,
        enable_prefetch: bool = True,
        enable_augmentation: bool = True,
        enable_device_transfer: bool = True,
        enable_memory_optimization: bool = True,
        max_prefetch: int = 8,
        transforms: Any = None,
        plugins: str | Mapping[str, Any] | Iterable[Any] | None = (),
        **torch_options: Any,
    ) -> None:
        self.max_prefetch = counted("max_prefetch", max_prefetch, 1)
        self.plugin_manager = None
        self._lent = False
        self._enabled_plugins = enable_plugins
        self._switches = {
            "prefetch": enable_prefetch,
            "augmentation": enable_augmentation,
            "device_transfer": enable_device_transfer,
            "memory_optimization": enable_memory_optimization,
        }
        _check_cuda(device)
        self._transforms = transforms
        self._more_plugins = _listed(plugins, enable_plugins)
        super().__init__(
            dataset,
            classes,
            batch_size,
            num_workers,
            weighted_sampler,
            sampler,
            is_train,
            rng,
            device,
            iterations_per_epoch,
            **torch_options,
        )

    def _make_hooks(self) -> HookRelay:
        if not self._enabled_plugins:
            return super()._make_hooks()
        options: Mapping[str, Mapping[str, Any]] = {
            "prefetch": {"max_prefetch": self.max_prefetch},
            "augmentation": {"transforms": self._transforms},
            "device_transfer": {"device_manager": self.device_manager},
            "memory_optimization": {"device_manager": self.device_manager},
        }
        wanted = [name for name in DEFAULT_PLUGINS if self._switches[name]]
        self.plugin_manager = build_manager([*wanted, *self._more_plugins], options=options)
        self._lend_readers(self.plugin_manager.relay)
        return self.plugin_manager.relay

    def add_plugin(
        self,
        plugin: Any,
        *,
        name: str | None = None,
        priority: int | None = None,
        options: Mapping[str, Any] | None = None,
        before: str | Iterable[str] | None = None,
        after: str | Iterable[str] | None = None,
        on_error: str | FailurePolicy | None = None,
    ) -> str:
        """Add a plugin; it takes part from the next iteration on.

        Parameters
        ----------
        plugin
            An object with hooks, or a class or function that makes one.
        name, priority
            What to call it and its place in the order; None for its own.
        options
            Arguments for the class or function.
        before, after
            Names of plugins that it shall run before or after; None for its own wishes.
        on_error
            What happens when it fails: ``"raise"``, ``"skip_sample"``, ``"skip_plugin(limit=10)"``; None for
            its own wish.

        Returns
        -------
        str
            The name.

        Raises
        ------
        PluginRegistrationError
            When the plugin is refused.
        PluginError
            With ``enable_plugins=False``.
        """
        manager = self._manager("add a plugin")
        added = manager.register_plugin(
            plugin,
            name=name,
            priority=priority,
            options=options,
            before=before,
            after=after,
            on_error=on_error,
        )
        self._lend_readers(manager.relay)
        return added

    def remove_plugin(self, name: str) -> Any:
        """Take a plugin out and return it.

        Raises
        ------
        UnknownPluginError
            When there is none of that name.
        PluginError
            With ``enable_plugins=False``.
        """
        manager = self._manager("remove a plugin")
        removed = manager.unregister_plugin(name)
        self._lend_readers(manager.relay)
        return removed

    def get_plugin(self, name: str) -> Any:
        """The plugin of that name; None if there is none."""
        return self.plugin_manager.get_plugin(name) if self.plugin_manager else None

    @property
    def device_manager(self) -> DeviceManager:
        """What knows the device and moves tensors there; assigning one reaches the plugins."""
        return self._device_manager

    @device_manager.setter
    def device_manager(self, manager: DeviceManager) -> None:
        self._place(manager)
        if self.plugin_manager is None:
            return
        for name in self.plugin_manager.list_plugins():
            plugin = self.get_plugin(name)
            if hasattr(plugin, "device_manager"):
                plugin.device_manager = manager

    def _lend_readers(self, hooks: PluginRelay) -> None:
        """Let the datasets open their arrays through this loader's plugins, as long as one of them can."""
        lending = hooks.answers("open_array")
        if lending or self._lent:
            for dataset in _within(self.dataset):
                dataset.lend_plugins(hooks if lending else None)
        self._lent = lending

    def _manager(self, what: str) -> PluginManager:
        if self.plugin_manager is None:
            raise PluginError(
                message(
                    f"cannot {what}: this loader was made without plugins",
                    got="enable_plugins=False",
                    hint="make it with enable_plugins=True",
                )
            )
        return self.plugin_manager

    def _window(self) -> int:
        return self.max_prefetch


def _listed(plugins: str | Mapping[str, Any] | Iterable[Any] | None, enabled: bool) -> list[Any]:
    """The plugins as a list; refused if there are any and the loader would drop them."""
    plugins = () if plugins is None else plugins
    if not isinstance(plugins, str | Mapping | Iterable):
        raise ConfigurationError(
            message(
                "plugins is no list",
                expected="names, {name: options}, objects, classes or modules, in a list",
                got=repr(plugins),
                hint="put it into a list: plugins=[...]",
            )
        )
    listed = [plugins] if isinstance(plugins, str | Mapping) else list(plugins)
    if listed and not enabled:
        raise ConfigurationError(
            message(
                "plugins are given and switched off",
                expected="plugins, or enable_plugins=False",
                got=f"plugins={listed!r} and enable_plugins=False",
                hint="leave one of the two out; to run a program without its plugins set "
                "CELLMAP_DATA_DISABLE_PLUGINS=1",
            )
        )
    return listed


def _check_cuda(device: str | torch.device | None) -> None:
    """Say at once what would otherwise fail with the first batch, in whichever plugin comes first."""
    if device is not None and DeviceManager(device).device.type == "cuda" and not torch.cuda.device_count():
        raise ConfigurationError(
            message(
                "batches cannot be moved to a CUDA device",
                expected="a CUDA device that torch can use",
                got="torch.cuda.device_count() is 0",
                hint="leave device out to take the best there is, or pass device='cpu'",
            )
        )


def _within(dataset: Any) -> Iterator[Any]:
    """The datasets that open arrays, inside torch's own ones."""
    if hasattr(dataset, "lend_plugins"):
        yield dataset
    for part in getattr(dataset, "datasets", [getattr(dataset, "dataset", None)]):
        if part is not None and not hasattr(dataset, "lend_plugins"):
            yield from _within(part)


CellMapDataLoaderWithPlugins = EnhancedCellMapDataLoader
