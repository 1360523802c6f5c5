"""What a person reads when a plugin is refused: the whole text, as it stands in ``golden/``.

To accept new words: ``CELLMAP_DATA_UPDATE_GOLDEN=1 pytest tests/plugins/test_golden.py``, then read the diff.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import pytest

from cellmap_data.errors import CellMapDataError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import DataLoaderPlugin, PluginManager, build_manager
from tests import golden

GOLDEN = Path(__file__).parent / "golden"
PARTS = ("where:", "expected:", "got:", "next:")


def makes_nothing():
    """Forgets its return."""


class Methods(DataLoaderPlugin):
    """Lists what it is told to."""

    def __init__(self, **methods):
        super().__init__("methods")
        self.methods = methods

    def get_hook_methods(self):
        return self.methods

    def brighten(self, sample): ...


class UnknownHook:
    @hookimpl
    def post_sampel(self, sample): ...


class Arguments:
    @hookimpl
    def post_sample(self, sampel, *, strength): ...


class Nameless:
    @hookimpl
    def post_sample(self, *everything): ...


class Selfless:
    @hookimpl
    def post_sample(sample): ...  # noqa: N805 - the mistake in question


class Undecorated:
    @hookimpl
    def pre_epoch(self): ...

    def post_sample(self, sample): ...


class UndecoratedAlone:
    def post_sample(self, sample): ...


class Misspelt:
    def post_smaple(self, sample): ...


class Unlisted(Methods):
    def post_collate(self, batch): ...


class Partial:
    post_sample = functools.partial(lambda strength, sample: sample, 2)


class MarkedPartial:
    post_sample = hookimpl(functools.partial(lambda strength, sample: sample, 2))


class Cached:
    @functools.cache  # noqa: B019 - the mistake in question
    @hookimpl
    def open_array(self, uri): ...


class Generator:
    @hookimpl
    def pre_epoch(self):
        yield


class ChainGenerator:
    @hookimpl
    def post_sample(self, sample):
        yield sample


class Async:
    @hookimpl
    async def post_batch(self, batch): ...


class ChainWrapper:
    @hookimpl(wrapper=True)
    def post_sample(self, sample):
        return (yield)


class NeverYields:
    @hookimpl(wrapper=True)
    def pre_epoch(self): ...


class Twice(Methods):
    @hookimpl
    def post_sample(self, sample): ...


class Priority:
    priority = "high"

    @hookimpl
    def pre_epoch(self): ...


class Before(Priority):
    priority = 0
    before = 3


class FutureApi:
    requires_api = ">=99"

    @hookimpl
    def pre_epoch(self): ...


class UnreadableApi(FutureApi):
    requires_api = 2


class Options:
    def __init__(self, strength): ...


class FalseModel:
    options_model = dict

    @hookimpl
    def pre_epoch(self): ...


OBJECTS = {
    "unknown_hook": UnknownHook,
    "arguments": Arguments,
    "nameless_arguments": Nameless,
    "no_self": Selfless,
    "undecorated": Undecorated,
    "undecorated_alone": UndecoratedAlone,
    "misspelt_undecorated": Misspelt,
    "unlisted": lambda: Unlisted(post_sample="brighten"),
    "partial": Partial,
    "marked_partial": MarkedPartial,
    "cached": Cached,
    "generator": Generator,
    "chain_generator": ChainGenerator,
    "async": Async,
    "chain_wrapper": ChainWrapper,
    "wrapper_never_yields": NeverYields,
    "twice": lambda: Twice(post_sample="brighten"),
    "priority": Priority,
    "before": Before,
    "requires_api": FutureApi,
    "requires_api_unreadable": UnreadableApi,
    "options_missing": Options,
    "options_model": FalseModel,
    "no_method": lambda: Methods(post_sample="brigten"),
    "unknown_hook_listed": lambda: Methods(post_smple="brighten"),
    "no_hooks": object,
    "a_name": lambda: "acme.denoise",
    "a_pair": lambda: ("acme.denoise", 3),
    "makes_nothing": lambda: makes_nothing,
}


def compare(name, error):
    """The text is the golden one, and none of its parts is missing."""
    golden.compare(GOLDEN / f"{name}.txt", str(error))
    assert all(part in str(error) for part in PARTS)


@pytest.mark.parametrize("name", OBJECTS)
def test_a_refusal_reads_as_written(name):
    """Plugin, origin, hook, what was expected, what was there, what to do."""
    make = OBJECTS[name]
    plugin = make if isinstance(make, type) else make()
    with pytest.raises(CellMapDataError) as caught:
        PluginManager().register_plugin(plugin)
    compare(name, caught.value)


BODIES = {
    "import_raises": "raise RuntimeError('no licence')",
    "import_exits": "raise SystemExit(3)",
    "import_lacks_module": "import a_module_that_nobody_has",
    "import_lacks_name": "",
}


@pytest.mark.parametrize("name", BODIES)
def test_what_cannot_be_imported_reads_as_written(name, install):
    """The command that repairs it is there, and the way to leave it out."""
    install("broken", {"broken.one": ":Plugin"}, module=BODIES[name])
    with pytest.raises(CellMapDataError) as caught:
        build_manager(["broken.one"])
    compare(name, caught.value)


def test_one_name_of_two_distributions_reads_as_written(install, acme):
    """Both are named."""
    install("other", {"acme.class": ":Adds"}, version="3.4")
    with pytest.raises(CellMapDataError) as caught:
        build_manager(["acme.class"])
    compare("two_distributions", caught.value)


@pytest.mark.usefixtures("acme")
def test_a_distribution_of_several_plugins_reads_as_written():
    """They are listed."""
    with pytest.raises(CellMapDataError) as caught:
        build_manager(["Acme"])
    compare("several_plugins", caught.value)


@pytest.mark.usefixtures("acme")
def test_a_plugin_by_name_and_as_an_object_reads_as_written():
    """Both names are there, and how to have two."""
    import acme_code

    with pytest.raises(CellMapDataError) as caught:
        build_manager(["acme.class", acme_code.Adds()])
    compare("by_name_and_as_object", caught.value)


MODEL = """
from typing import Literal
from pydantic import BaseModel, Field, model_validator

class NoiseOptions(BaseModel):
    strength: float = Field(0.1, ge=0, le=1)
    kind: Literal["gauss", "poisson"]
    arrays: tuple[str, ...] = ("raw",)
    low: int = 0
    high: int = 1

    @model_validator(mode="after")
    def check_order(self):
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        return self

class Noise:
    options_model = NoiseOptions
"""
WRONG_OPTIONS = {
    "options_wrong": {"strength": 2, "arrays": "raw", "srength": 0.5, "low": "much"},
    "options_contradict": {"kind": "gauss", "low": 3},
}


@pytest.mark.parametrize("name", WRONG_OPTIONS)
def test_options_that_a_model_refuses_read_as_written(name, install):
    """Every fault, each with what was expected."""
    install("acme", {"acme.noise": ":Noise"}, module=MODEL)
    with pytest.raises(CellMapDataError) as caught:
        build_manager({"acme.noise": WRONG_OPTIONS[name]})
    compare(name, caught.value)


@pytest.mark.usefixtures("acme")
def test_a_name_taken_by_a_distribution_reads_as_written():
    """The distribution that has the name is there, and that the newcomer has none."""
    manager = build_manager(["acme.class"])
    with pytest.raises(CellMapDataError) as caught:
        manager.register_plugin(Methods(), name="acme.class")
    compare("name_taken", caught.value)


@pytest.mark.usefixtures("acme")
def test_an_installed_plugin_that_asks_for_another_interface_reads_as_written(monkeypatch):
    """A module may say it for all of its plugins; it is refused before it is made."""
    import acme_code

    monkeypatch.setattr(acme_code, "requires_api", ">=2,<3", raising=False)
    monkeypatch.setattr(acme_code.Adds, "__init__", None)
    with pytest.raises(CellMapDataError) as caught:
        build_manager(["acme.class"])
    compare("requires_api_of_module", caught.value)
    assert sys.modules["acme_code"] is acme_code


def test_a_circle_of_wishes_reads_as_written():
    """The whole circle is there, and who wished what."""
    manager = PluginManager()
    manager.register_plugin(Methods(), name="first", before="second")
    manager.register_plugin(Methods(), name="second", before="third")
    with pytest.raises(CellMapDataError) as caught:
        manager.register_plugin(Methods(), name="third", before="first")
    compare("circle", caught.value)
    assert manager.list_plugins() == ["first", "second"]


def test_every_golden_file_is_compared():
    """None is left behind by a test that went."""
    others = {
        "by_name_and_as_object",
        "circle",
        "name_taken",
        "requires_api_of_module",
        "several_plugins",
        "two_distributions",
    }
    assert {file.stem for file in GOLDEN.iterdir()} == {*OBJECTS, *BODIES, *WRONG_OPTIONS, *others}
