"""What the plugin shares with all others, and what it does to a sample."""

from __future__ import annotations

from importlib.metadata import entry_points

import numpy as np
import pytest
import torch
from cellmap_data_plugin_template import SectionArtefacts, SectionOptions

from cellmap_data.errors import PluginRegistrationError
from cellmap_data.plugins import build_manager
from cellmap_data.testing import PluginTests


class TestPromises(PluginTests):
    """What every plugin promises: reproducible, safe in threads, at home in worker processes."""

    def make_plugin(self) -> SectionArtefacts:
        return SectionArtefacts(missing=0.2)


def make_sample(
    dtype: torch.dtype = torch.float32, shape: tuple[int, ...] = (1, 200, 4, 4)
) -> dict[str, torch.Tensor]:
    return {"raw": torch.full(shape, 100, dtype=dtype), "labels": torch.ones(shape)}


def test_entry_point_names_the_class() -> None:
    """What a user types is what the distribution offers."""
    (found,) = entry_points(group="cellmap_data.plugins", name="template.sections")
    assert found.load() is SectionArtefacts


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.uint16], ids=str)
def test_sections_are_damaged_as_a_whole(dtype: torch.dtype) -> None:
    """A section has one factor; some are lost and the rest keep close to their brightness."""
    plugin = SectionArtefacts(missing=0.3, dark=0.0, jitter=0.05)
    raw = plugin.post_sample(make_sample(dtype), np.random.default_rng(0), True)["raw"].double()
    assert (raw == raw[..., :1, :1]).all()
    values = raw[0, :, 0, 0]
    assert 30 < (values == 0).sum() < 90
    assert ((values == 0) | ((values > 70) & (values < 130))).all()


def test_dark_sections_keep_a_quarter_to_a_half() -> None:
    """Dark is not lost: between a half and a quarter of the brightness remains."""
    plugin = SectionArtefacts(missing=0.0, dark=1.0, jitter=0.0)
    values = plugin.post_sample(make_sample(), np.random.default_rng(0), True)["raw"]
    assert values.min() >= 25
    assert values.max() <= 50


def test_uint8_saturates_instead_of_wrapping() -> None:
    """A bright voxel that gets brighter stays bright."""
    sample = {"raw": torch.full((1, 200, 2, 2), 250, dtype=torch.uint8)}
    SectionArtefacts(missing=0, dark=0, jitter=0.1).post_sample(sample, np.random.default_rng(0), True)
    assert sample["raw"].min() > 120


@pytest.mark.parametrize(
    ("shape", "is_train"), [((1, 9, 4, 4), False), ((1, 9, 9), True)], ids=["validation", "2-D"]
)
def test_left_alone(shape: tuple[int, ...], is_train: bool) -> None:
    """Validation samples and 2-D patches pass untouched."""
    sample = SectionArtefacts(missing=1.0, dark=0.0).post_sample(
        make_sample(shape=shape), np.random.default_rng(0), is_train
    )
    assert (sample["raw"] == 100).all()


def test_labels_are_left_alone_and_the_same_generator_gives_the_same_sample() -> None:
    """What a sample gets depends on its generator alone."""
    plugin = SectionArtefacts()
    first, second = (plugin.post_sample(make_sample(), np.random.default_rng(7), True) for _ in range(2))
    assert torch.equal(first["raw"], second["raw"])
    assert (first["labels"] == 1).all()


WRONG = {
    "below 0": {"missing": -0.1},
    "above 1 together": {"missing": 0.6, "dark": 0.6},
    "not a number": {"jitter": float("nan")},
    "misspelt": {"mising": 0.1},
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_impossible_options_are_refused(options: dict[str, float]) -> None:
    """An error when the plugin is made, not during training; cellmap-data says whose options they are."""
    with pytest.raises(PluginRegistrationError, match=r"'template\.sections'(?s:.*)" + next(iter(options))):
        build_manager({"template.sections": options})
    with pytest.raises(ValueError, match="SectionOptions"):
        SectionArtefacts(**options)


def test_options_are_optional() -> None:
    """Named without any it works, and with some it keeps the rest."""
    plugin = build_manager({"template.sections": {"dark": "0.5"}}).get_plugin("template.sections")
    assert plugin.options == SectionOptions(dark=0.5)
    assert build_manager("template.sections").get_plugin("template.sections").options == SectionOptions()
