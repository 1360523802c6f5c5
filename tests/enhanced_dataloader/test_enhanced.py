"""The loader with plugins: what is on by default, how plugins come and go, what they see."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch.utils.data import default_collate

from cellmap_data import CellMapDataLoader, EnhancedCellMapDataLoader
from cellmap_data.device.device_manager import DeviceManager
from cellmap_data.enhanced_dataloader import CellMapDataLoaderWithPlugins
from cellmap_data.errors import (
    ConfigurationError,
    HookError,
    PluginError,
    PluginRegistrationError,
    UnknownPluginError,
)
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import DataLoaderPlugin
from cellmap_data.plugins.selection import DEFAULT_PLUGINS
from tests.toy import EXECUTORS, Slow, Toy, executor_id, is_right, seeded

BUILTINS = ["prefetch", "augmentation", "device_transfer", "memory_optimization"]

workers = pytest.mark.parametrize("workers", [0, 2])


class CustomPlugin(DataLoaderPlugin):
    def __init__(self):
        super().__init__("custom", priority=75)

    def get_hook_methods(self):
        return {"post_sample": "process_sample"}

    def process_sample(self, sample, **kwargs):
        sample["custom_field"] = "processed"
        return sample


def test_the_switches_are_those_of_the_default_plugins():
    """What other parts of the package list as default is on in a loader that was told nothing."""
    parameters = inspect.signature(EnhancedCellMapDataLoader).parameters
    switches = {
        name.removeprefix("enable_"): p.default for name, p in parameters.items() if "enable_" in name
    }
    assert switches == {"plugins": True, **dict.fromkeys(DEFAULT_PLUGINS, True)}


@workers
def test_the_worked_example(workers):
    """A plugin written in ten lines adds its field to every batch; what is no tensor becomes a list."""
    with EnhancedCellMapDataLoader(Toy(), batch_size=4, num_workers=workers) as loader:
        loader.add_plugin(CustomPlugin())
        batches = list(loader.loader)
        assert [batch["custom_field"] for batch in batches] == [["processed"] * 4] * 5
        assert all(is_right(batch) for batch in batches)


def test_the_built_in_plugins_are_on():
    """By default the four built-in plugins are listed in the order of their switches."""
    loader = EnhancedCellMapDataLoader(Toy())
    assert loader.plugin_manager.list_plugins() == BUILTINS
    assert CellMapDataLoaderWithPlugins is EnhancedCellMapDataLoader


@pytest.mark.parametrize("name", BUILTINS)
def test_each_switch_leaves_one_out(name):
    """Each ``enable_`` switch, and ``"no:name"``, leaves exactly its plugin out; the loader still works."""
    for options in ({f"enable_{name}": False}, {"plugins": [f"no:{name}"]}, {"plugins": f"no:{name}"}):
        loader = EnhancedCellMapDataLoader(Toy(), batch_size=4, device="cpu", **options)
        assert loader.plugin_manager.list_plugins() == [other for other in BUILTINS if other != name]
        assert len(list(loader)) == 5


def test_without_plugins_it_is_the_plain_loader():
    """``enable_plugins=False`` gives the plain loader, which says why it takes no plugin."""
    loader = EnhancedCellMapDataLoader(Toy(), enable_plugins=False)
    assert loader.plugin_manager is None
    assert len(list(loader)) == 20
    with pytest.raises(PluginError, match="enable_plugins=False"):
        loader.add_plugin(CustomPlugin())
    with pytest.raises(PluginError, match="enable_plugins=False"):
        loader.remove_plugin("custom")


@pytest.mark.parametrize(
    "plugins", ["no:prefetch", [CustomPlugin()], {"acme": {}}], ids=["name", "object", "options"]
)
def test_plugins_that_would_be_dropped_are_an_error(plugins):
    """Nobody trains for a week without the plugin that they named."""
    with pytest.raises(ConfigurationError, match="enable_plugins=False"):
        EnhancedCellMapDataLoader(Toy(), enable_plugins=False, plugins=plugins)


@pytest.mark.executor
@pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)
def test_plugins_come_and_go_between_epochs(options):
    """Adding, disabling, enabling and removing take effect in the next epoch, in live workers too."""
    with EnhancedCellMapDataLoader(Toy(4), batch_size=2, **options) as loader:

        def has_field():
            return {"custom_field" in batch for batch in loader}

        assert has_field() == {False}
        loader.add_plugin(CustomPlugin())
        assert has_field() == {True}
        loader.get_plugin("custom").disable()
        assert has_field() == {False}
        loader.get_plugin("custom").enable()
        assert has_field() == {True}
        loader.remove_plugin("custom")
        assert has_field() == {False}
        assert loader.get_plugin("custom") is None
        with pytest.raises(UnknownPluginError):
            loader.remove_plugin("custom")


class Failing:
    """Fails at sample 7."""

    name = "failing"

    @hookimpl
    def post_sample(self, sample, index):
        if index == 7:
            raise KeyError("membrane")
        return sample


@pytest.mark.executor
@pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)
def test_an_error_names_plugin_hook_and_sample(options):
    """What a plugin raises arrives with plugin, hook and sample named, from workers and threads alike."""
    loader = EnhancedCellMapDataLoader(Toy(), batch_size=2, plugins=[Failing()], **options)
    with loader, pytest.raises(HookError, match="membrane") as caught:
        list(loader)
    assert (caught.value.plugin, caught.value.hook, caught.value.index) == ("failing", "post_sample", 7)
    assert isinstance(caught.value.__cause__, KeyError)
    assert "failing" in str(caught.value)
    assert "post_sample" in str(caught.value)
    assert "7" in str(caught.value)


class OnDevice:
    """Notes where batches are when a plugin behind device_transfer sees them."""

    name = "on_device"

    def __init__(self):
        self.seen = set()

    @hookimpl
    def post_collate(self, batch, device):
        self.seen.add((batch["x"].device.type, device.type))
        return batch


@workers
def test_batches_arrive_on_the_device_before_plugins_with_lower_numbers(workers):
    """``device_transfer`` moves batches in the consumer; a plugin below it sees them on the device."""
    plugin = OnDevice()
    loader = EnhancedCellMapDataLoader(Toy(4), num_workers=workers, device="meta", plugins=[plugin])
    with loader:
        assert {batch["x"].device.type for batch in loader} == {"meta"}
        assert plugin.seen == {("meta", "meta")}


def test_there_is_one_truth_about_the_device():
    """``to``, ``device`` and an assigned device manager all reach the plugins, and their hooks."""
    plugin = OnDevice()
    loader = EnhancedCellMapDataLoader(Toy(4), device="cpu", plugins=[plugin])
    assert next(iter(loader))["x"].device.type == "cpu"
    assert loader.to("meta", non_blocking=True) is loader
    assert next(iter(loader))["x"].device.type == loader.device.type == "meta"
    loader.device_manager = DeviceManager("cpu")
    assert next(iter(loader))["x"].device.type == loader.device.type == "cpu"
    assert plugin.seen == {("cpu", "cpu"), ("meta", "meta")}


def test_epoch_hooks_and_their_loader():
    """A loader that only its loop knows lives until the epoch ends; of ``loader.loader`` alone it is None."""
    plugin = Epochs()
    for _batch in EnhancedCellMapDataLoader(Toy(4), plugins=[plugin]):
        pass
    torch_loader = EnhancedCellMapDataLoader(Toy(4), plugins=[plugin]).loader
    list(torch_loader)
    kinds = [(when, type(loader).__name__) for when, loader, _ in plugin.seen]
    loader, nothing = "EnhancedCellMapDataLoader", "NoneType"
    assert kinds == [("pre", loader), ("post", loader), ("pre", nothing), ("post", nothing)]


class Swap:
    """Keeps the original of what it changes."""

    name = "swap"

    @hookimpl
    def post_sample(self, sample):
        sample["original"] = sample["x"]
        sample["x"] = sample["x"] + 100
        return sample


@workers
def test_a_plugin_may_keep_the_original_beside_what_it_made(workers):
    """A new field that refers to what was read holds what was read, whatever replaces it."""
    with EnhancedCellMapDataLoader(Toy(), batch_size=2, num_workers=workers, plugins=[Swap()]) as loader:
        for batch in loader:
            assert is_right(batch | {"x": batch["original"]})
            assert torch.equal(batch["x"], batch["original"] + 100)


class InMemory:
    """A dataset that hands out its own samples."""

    def __init__(self):
        self.samples = [{"idx": torch.tensor(n), "x": torch.zeros(2)} for n in range(4)]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


def test_augmentation_does_not_change_the_dataset():
    """What a transform puts into a sample does not come back in the next epoch."""
    loader = EnhancedCellMapDataLoader(InMemory(), batch_size=2, transforms={"x": add_one})
    for _ in range(3):
        assert all((batch["x"] == 1).all() for batch in loader)


def add_one(x):
    return x + 1


class Cache:
    """Answers with samples of its own, whatever is read ahead."""

    name, priority = "cache", 200

    @hookimpl
    def load_samples(self, indices):
        return [{"idx": torch.tensor(i), "x": torch.full((1, 4, 4, 4), 1000.0 + i)} for i in indices]


def test_reading_ahead_never_touches_a_batch_that_came_from_elsewhere():
    """When another plugin supplies a batch, what prefetch still reads for it goes nowhere."""
    loader = EnhancedCellMapDataLoader(Slow(24), batch_size=2, plugins=[Cache()])
    batches = list(loader)
    for batch in batches:
        assert is_right(batch | {"x": batch["x"] - 1000})


def test_disabling_prefetch_in_mid_epoch_reads_nothing_twice_into_one_place():
    """What is read again after prefetch is switched off goes to memory of its own."""
    loader = EnhancedCellMapDataLoader(Slow(24), batch_size=2, transforms={"x": add_thousand})
    for number, batch in enumerate(loader):
        if number == 2:
            loader.get_plugin("prefetch").disable()
        assert is_right(batch | {"x": batch["x"] - 1000})


def add_thousand(x):
    x += 1000
    return x


class Epochs:
    """Writes down epochs and their loaders."""

    name = "epochs"

    def __init__(self):
        self.seen = []

    @hookimpl
    def pre_epoch(self, loader, epoch):
        self.seen.append(("pre", loader, epoch))

    @hookimpl
    def post_epoch(self, loader, epoch):
        self.seen.append(("post", loader, epoch))


def test_a_plugin_class_is_made_with_its_options():
    """``add_plugin`` takes a class and its options, a name and a number."""
    loader = EnhancedCellMapDataLoader(Toy(4))
    assert loader.add_plugin(Strong, name="strong", priority=60, options={"strength": 2}) == "strong"
    assert loader.get_plugin("strong").strength == 2
    assert loader.plugin_manager.call_order("post_sample") == ["strong", "augmentation"]


class Strong:
    """A plugin with an option."""

    def __init__(self, strength):
        self.strength = strength

    @hookimpl
    def post_sample(self, sample):
        return sample


def jitter(sample):
    """A transform that draws from torch's global generator."""
    sample["x"] = sample["x"] + torch.rand(()) + torch.randn(3)[0]
    return sample


@pytest.mark.executor
def test_every_executor_gives_the_same_bits():
    """Same seed, same batches: threads, workers, prefetching or not, a transform that draws globally."""
    results = []
    for options in [{"enable_prefetch": False}, {"max_prefetch": 1}, {"max_prefetch": 16}, *EXECUTORS[1:]]:
        with EnhancedCellMapDataLoader(
            Toy(30), batch_size=4, rng=seeded(), transforms=[jitter], device="cpu", **options
        ) as loader:
            results.append(
                [{key: value.clone() for key, value in batch.items()} for _ in range(2) for batch in loader]
            )
    assert len(results[0]) == 16
    assert not torch.equal(results[0][0]["x"] - results[0][0]["idx"].view(-1, 1, 1, 1, 1), torch.zeros(()))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            assert all(torch.equal(one[key], two[key]) for key in one)


def test_ranks_and_batch_sizes_do_not_change_a_sample():
    """Sample k of an epoch is the same whatever the batches are."""
    noise = []
    for batch_size in (1, 7):
        loader = CellMapDataLoader(Toy(21), batch_size=batch_size, rng=seeded())
        noise.append(torch.cat([batch["noise"] for batch in loader]))
    assert torch.equal(noise[0], noise[1])


class Memoriser:
    """Keeps what a worker or thread shows it."""

    name = "memoriser"

    def __init__(self):
        self.kept = []

    @hookimpl
    def post_sample(self, sample, index):
        for old_index, old in self.kept:
            assert bool((old == old_index).all()), f"sample {old_index} was overwritten"
        self.kept = [*self.kept[-5:], (int(index), sample["x"])]
        return sample


@workers
def test_what_a_plugin_keeps_is_not_overwritten(workers):
    """A plugin that keeps samples of earlier batches, as for mixing, never sees them change."""
    with EnhancedCellMapDataLoader(
        Toy(300), batch_size=2, num_workers=workers, plugins=[Memoriser()]
    ) as loader:
        assert all(is_right(batch) for batch in loader)


@pytest.mark.skipif(torch.cuda.device_count() > 0, reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_told_at_once():
    """Not with the first batch, where a plugin would be blamed for it."""
    with pytest.raises(ConfigurationError, match="device_count"):
        EnhancedCellMapDataLoader(Toy(), device="cuda:0")


class Sees:
    """Reads all samples itself and remembers where their tensors are."""

    name, priority = "sees", 200

    def __init__(self):
        self.seen = []

    @hookimpl
    def load_samples(self, dataset, indices):
        samples = dataset.__getitems__(indices)
        self.seen.append(samples[0]["x"].data_ptr())
        return samples


def test_what_a_plugin_makes_anew_is_in_the_batch_when_its_reader_is_done():
    """The consumer copies nothing of it, unless its own function puts batches together."""
    for collate_fn, laid in (None, True), (default_collate, False):
        sees = Sees()
        loader = EnhancedCellMapDataLoader(
            Toy(8), batch_size=2, plugins=[sees], transforms={"x": add_one}, collate_fn=collate_fn
        )
        loader.get_plugin("prefetch").disable()  # which would read each sample before
        starts = [batch["x"].data_ptr() for batch in loader]
        assert (starts == sees.seen) is laid


class AsksForNothing:
    """Reads in load_samples what it has not, which may be nothing."""

    @hookimpl
    def load_samples(self, dataset, indices):
        assert dataset.__getitems__([]) == []


def test_a_plugin_may_ask_for_no_samples():
    """A cache asks for those that it has not."""
    assert len(list(EnhancedCellMapDataLoader(Toy(4), batch_size=2, plugins=[AsksForNothing()]))) == 2


def test_a_plugin_is_added_before_another():
    """As it can be registered with the manager."""
    loader = EnhancedCellMapDataLoader(Toy())
    loader.add_plugin(AddOne(), before="prefetch")
    assert loader.plugin_manager.order_report().hooks["post_sample"][0].reason == "before 'prefetch'"
    with pytest.raises(ConfigurationError, match="did you mean 'plugins'"):
        EnhancedCellMapDataLoader(Toy(), plugin=[AddOne()])


class AddOne:
    @hookimpl
    def post_sample(self, sample):
        return sample | {"x": sample["x"] + 1}


def test_plugins_that_are_no_list():
    """They are refused with what to write; None is none."""
    with pytest.raises(ConfigurationError, match=r"plugins=\[...\]"):
        EnhancedCellMapDataLoader(Toy(), plugins=3)
    assert EnhancedCellMapDataLoader(Toy(), plugins=None).plugin_manager.list_plugins() == [*DEFAULT_PLUGINS]


def test_a_missing_name_of_the_environment_says_so(monkeypatch):
    """Whoever looks for it in the program would not find it."""
    monkeypatch.setenv("CELLMAP_DATA_PLUGINS", "nobody.has")
    with pytest.raises(UnknownPluginError) as caught:
        EnhancedCellMapDataLoader(Toy())
    assert "CELLMAP_DATA_PLUGINS" in caught.value.__notes__[0]


def test_two_objects_of_one_class_are_told_how_both_can_run():
    """One of them needs a name of its own."""

    class Twice:
        @hookimpl
        def post_sample(self, sample):
            return sample

    with pytest.raises(PluginRegistrationError, match="name='second'"):
        EnhancedCellMapDataLoader(Toy(), plugins=[Twice(), Twice()])
