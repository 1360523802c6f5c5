from __future__ import annotations

import pickle

import numpy as np
import pytest

from cellmap_data.errors import ConfigurationError
from cellmap_data.spatial import Mirror, Motion, PatchSpec, SpatialTransforms, Transpose, spatial_table

CUBE = PatchSpec((8, 8, 8), (8.0, 8.0, 8.0))
OPTIONS = {"rotate": {"z": 45}, "mirror": {"axes": {"x": 0.5, "y": True}}, "transpose": True}


class Shear:
    """What a plugin may add."""

    def __init__(self, options):
        self.options = options

    def draw(self, rng, patches, fits):
        """Shear along x."""
        assert fits(Motion.identity())
        assert patches == [CUBE]
        return Motion(
            matrix=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, rng.random() * self.options["by"], 1.0))
        )


def draw(transforms: SpatialTransforms, seed: int = 3) -> Motion:
    """One motion of a cube."""
    return transforms.draw(np.random.default_rng(seed), [CUBE], lambda _: True)


@pytest.mark.parametrize("options", [None, {}])
def test_no_transforms_leave_a_patch_as_it_is(options):
    """Nothing asked for, nothing moved."""
    assert draw(SpatialTransforms.from_options(options)) == Motion.identity()


def test_equal_generators_draw_equal_motions():
    """A motion is a function of the generator; another seed gives another."""
    transforms = SpatialTransforms.from_options(OPTIONS)
    assert draw(transforms, 1) == draw(transforms, 1) != draw(transforms, 2)


def test_the_order_of_the_dictionary_does_not_matter():
    """Transforms draw and act in one fixed order, however the options were written down."""
    table = spatial_table() | {"shear": Shear}
    options = OPTIONS | {"shear": {"by": 0.2}}
    there = SpatialTransforms.from_options(options, table)
    back = SpatialTransforms.from_options(dict(reversed(options.items())), table)
    assert [type(t).__name__ for t in there.transforms] == ["Mirror", "Transpose", "Rotate", "Shear"]
    assert draw(there) == draw(back)


def test_transforms_act_one_after_the_other():
    """The motion of a sample composes what each transform draws, in order, from one generator."""
    transforms = SpatialTransforms.from_options(OPTIONS)
    rng, motion = np.random.default_rng(3), Motion.identity()
    for transform in transforms.transforms:
        motion = motion.then(transform.draw(rng, [CUBE], lambda _: True))
    assert draw(transforms) == motion
    assert motion.matrix is not None


def test_index_arithmetic_stays_index_arithmetic():
    """Mirrors and transpositions together need no resampling."""
    transforms = SpatialTransforms((Mirror((0.5,) * 3), Transpose((0, 1, 2))))
    assert all(draw(transforms, seed).matrix is None for seed in range(50))


def test_transforms_travel():
    """Workers get equal transforms that draw equal motions."""
    transforms = SpatialTransforms.from_options(OPTIONS)
    copied = pickle.loads(pickle.dumps(transforms))
    assert copied == transforms
    assert draw(copied) == draw(transforms)


def test_tables_are_fresh():
    """What one dataset's plugins add does not reach another's table."""
    spatial_table()["shear"] = Shear
    assert "shear" not in spatial_table()


def test_an_unknown_transform_is_refused_with_the_nearest_name():
    """A misspelt name is an error that says what was meant."""
    with pytest.raises(ConfigurationError, match=r"(?s)'rotat'.*did you mean 'rotate'"):
        SpatialTransforms.from_options({"rotat": {"z": 45}})


def test_all_faults_are_reported_together():
    """Three things wrong, one error that names the three."""
    with pytest.raises(ConfigurationError) as caught:
        SpatialTransforms.from_options({"mirror": {"q": 1}, "zoom": 2, "rotate": {"z": "far"}})
    assert all(text in str(caught.value) for text in ("'q': 1", "'zoom'", "'z': 'far'"))


@pytest.mark.parametrize("options", ["mirror", ["mirror"], 3])
def test_transforms_are_given_as_a_mapping(options):
    """Anything but a mapping of names to options is refused."""
    with pytest.raises(ConfigurationError, match="mapping"):
        SpatialTransforms.from_options(options)
