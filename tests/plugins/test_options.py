"""Options that a plugin describes with a pydantic model."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator

from cellmap_data.errors import PluginRegistrationError
from cellmap_data.hookspecs import hookimpl
from cellmap_data.plugins import PluginManager, build_manager, installed_plugins


class Options(BaseModel):
    strength: float = Field(ge=0)
    arrays: tuple[str, ...] = ("raw",)
    seed: int | None = None


class Open(Options):
    model_config = ConfigDict(extra="allow")


class Forbidding(Options):
    model_config = ConfigDict(extra="forbid")


class Renamed(BaseModel):
    strength: float = Field(alias="by-how-much")


class Careless(BaseModel):
    strength: float

    @field_validator("strength")
    @classmethod
    def fail(cls, value):
        raise RuntimeError("no network")


class Keeps:
    options_model = Options

    def __init__(self, **options):
        self.options = options

    @hookimpl
    def post_batch(self): ...


def keeps(model):
    """A class of plugins with another model."""
    return type("Keeps", (Keeps,), {"options_model": model})


def make(plugin, **options):
    """The options that a plugin is made with."""
    manager = PluginManager()
    manager.register_plugin(plugin, name="keeps", options=options)
    return manager.get_plugin("keeps").options


def factory(**options):
    return Keeps(**options)


factory.options_model = Options


@pytest.mark.parametrize("source", [Keeps, factory], ids=["class", "factory"])
def test_a_plugin_gets_every_option_as_its_type(source):
    """What is given is converted, the rest has the defaults of the model."""
    assert make(source, strength="2") == {"strength": 2.0, "arrays": ("raw",), "seed": None}
    assert make(source, strength=1, arrays=["a", "b"])["arrays"] == ("a", "b")


def test_a_model_of_the_module_holds_for_its_plugins(install):
    """One for all classes and functions of a file that have none themselves."""
    module = """
from pydantic import BaseModel
from tests.plugins.test_options import Keeps

class options_model(BaseModel):
    word: str = "default"

def make(**options):
    return Keeps(**options)
"""
    install("acme", {"acme.make": ":make"}, module=module)
    assert build_manager(["acme.make"]).get_plugin("acme.make").options == {"word": "default"}
    assert build_manager({"acme": {"word": "mine"}}).get_plugin("acme.make").options == {"word": "mine"}


@pytest.mark.parametrize("model", [Options, Forbidding], ids=["says nothing", "forbids"])
def test_unknown_options_are_refused(model):
    """Pydantic would drop them, and the training would run with the default."""
    with pytest.raises(
        PluginRegistrationError, match=r"seeed = 3: there is no such option, did you mean 'seed'"
    ):
        make(keeps(model), strength=1, seeed=3)


def test_a_model_may_allow_unknown_options():
    """They arrive as they are."""
    assert make(keeps(Open), strength=1, colour="red") == {
        "strength": 1.0,
        "arrays": ("raw",),
        "seed": None,
        "colour": "red",
    }


def test_every_fault_is_told_at_once():
    """Nobody has to find them one at a time."""
    with pytest.raises(PluginRegistrationError) as caught:
        make(Keeps, arrays=["raw", 3], seed="x", strenght=1)
    faults = [line.strip() for line in str(caught.value).splitlines() if line.startswith("    - ")]
    assert [fault.split()[1] for fault in faults] == ["strength", "arrays.1", "seed", "strenght"]


def test_an_option_may_be_typed_under_another_name_than_the_field():
    """The user types the alias, the plugin gets the field, and messages say the alias."""
    assert make(keeps(Renamed), **{"by-how-much": 2}) == {"strength": 2.0}
    with pytest.raises(PluginRegistrationError, match="by-how-much is not given"):
        make(keeps(Renamed))


NO_MODELS = {
    "class": dict,
    "instance": Options(strength=1),
    "mapping": {"strength": float},
    "no fields": RootModel[dict[str, int]],
}


@pytest.mark.parametrize("model", NO_MODELS.values(), ids=NO_MODELS)
@pytest.mark.parametrize("is_made", [True, False], ids=["object", "class"])
def test_what_is_no_model_is_refused(model, is_made):
    """Whoever hands in a finished object hears of it too."""
    plugin = keeps(model)
    with pytest.raises(PluginRegistrationError, match=r"has an options_model that is none(?s:.*)BaseModel"):
        PluginManager().register_plugin(plugin() if is_made else plugin)


def test_a_validator_that_fails_is_told_apart_from_wrong_options():
    """The plugin is to blame, not the user."""
    with pytest.raises(
        PluginRegistrationError, match=r"options_model that fails(?s:.*)RuntimeError: no network"
    ):
        make(keeps(Careless), strength=1)


def test_an_object_is_made_already():
    """Its options were given to its class."""
    with pytest.raises(PluginRegistrationError, match="takes no options"):
        make(Keeps(), strength=1)


def test_a_listing_takes_required_options_from_the_model(install):
    """The signature of a class that takes ``**options`` would say nothing."""
    module = "from tests.plugins.test_options import Keeps, keeps, Renamed\nRenaming = keeps(Renamed)"
    install("acme", {"acme.keeps": ":Keeps", "acme.renamed": ":Renaming"}, module=module)
    needs = {plugin.name: plugin.needs for plugin in installed_plugins()}
    assert (needs["acme.keeps"], needs["acme.renamed"]) == (("strength",), ("by-how-much",))


def test_pydantic_is_imported_for_a_model_only():
    """Who has no plugin that declares one does not wait for it."""
    code = (
        "import sys\nfrom cellmap_data.plugins import build_manager\n"
        "build_manager(['prefetch'])\nassert 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
