"""Transforms of the values of one tensor."""

from __future__ import annotations

import inspect
import itertools
import math
import pickle
from importlib import import_module

import numpy as np
import pytest
import torch

from cellmap_data.errors import ConfigurationError
from cellmap_data.transforms import (
    Binarize,
    GaussianBlur,
    GaussianNoise,
    NaNtoNum,
    Normalize,
    RandomContrast,
    RandomGamma,
    ScaleIntegers,
)

ALL = [Binarize, GaussianBlur, GaussianNoise, NaNtoNum, Normalize, RandomContrast, RandomGamma, ScaleIntegers]
RANDOM = [GaussianNoise, RandomContrast, RandomGamma]
SHAPES = [(6, 7), (1, 6, 7), (4, 6, 7), (1, 4, 6, 7), (2, 1, 4, 6, 7)]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.uint8, torch.int32]


def image(shape: tuple[int, ...] = (1, 4, 6, 7), dtype: torch.dtype = torch.float32) -> torch.Tensor:
    values = torch.from_numpy(np.random.default_rng(0).random(shape))
    return values.to(dtype) if dtype.is_floating_point else (values * 255).to(dtype)


@pytest.mark.parametrize("module", ["cellmap_data.transforms", "cellmap_data.transforms.augment"])
def test_transforms_are_found_under_both_paths(module: str) -> None:
    """Users import them from either."""
    for transform in ALL:
        assert getattr(import_module(module), transform.__name__) is transform


@pytest.mark.parametrize("transform", ALL)
def test_any_shape_and_dtype_goes_through(transform) -> None:
    """The shape stays, floats keep their dtype, and the given tensor is not changed."""
    for shape, dtype in itertools.product(SHAPES, DTYPES):
        x = image(shape, dtype)
        before = x.clone()
        y = transform()(x)
        assert y.shape == x.shape, dtype
        assert y.dtype == dtype or not dtype.is_floating_point, shape
        assert torch.equal(x, before), (shape, dtype)


@pytest.mark.parametrize("transform", ALL)
def test_transforms_survive_pickling(transform) -> None:
    """Workers get the same transform."""
    again = pickle.loads(pickle.dumps(transform()))
    torch.manual_seed(3)
    expected = transform()(image())
    torch.manual_seed(3)
    assert torch.equal(again(image()), expected)
    assert repr(again) == repr(transform())


@pytest.mark.parametrize("transform", RANDOM)
def test_random_transforms_draw_from_the_generator_they_are_given(transform) -> None:
    """Equal generators give equal results, and torch's global generator is left alone."""
    state = torch.get_rng_state()
    first, again, other = (transform()(image(), rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("transform", RANDOM)
def test_without_a_generator_torch_is_asked(transform) -> None:
    """``torch.manual_seed`` makes results repeatable."""
    torch.manual_seed(5)
    first = transform()(image())
    torch.manual_seed(5)
    assert torch.equal(transform()(image()), first)
    assert not torch.equal(transform()(image()), first)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_binarize_is_strict(dtype) -> None:
    """A value equal to the threshold is 0."""
    values = torch.tensor([0, 1, 2, 3]).to(dtype)
    assert Binarize()(values).tolist() == [0, 1, 1, 1]
    assert Binarize(1)(values).tolist() == [0, 0, 1, 1]
    assert Binarize(1.5)(values).tolist() == [0, 0, 1, 1]


def test_binarize_keeps_what_is_unknown() -> None:
    """NaN is neither 0 nor 1; infinities compare as numbers do."""
    result = Binarize(0.5)(torch.tensor([math.nan, math.inf, -math.inf]))
    assert result[0].isnan()
    assert result[1:].tolist() == [1, 0]


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.float64], ids=str)
def test_binarize_rounds_no_large_number(dtype) -> None:
    """2^24 + 1 is greater than 2^24, though not in single precision."""
    assert Binarize(2.0**24)(torch.tensor([2**24, 2**24 + 1], dtype=dtype)).tolist() == [0, 1]


def test_nan_to_num_replaces_what_it_is_told_to() -> None:
    """NaN becomes 0 unless said otherwise."""
    values = torch.tensor([math.nan, math.inf, -math.inf, 2.0])
    assert NaNtoNum()(values)[0] == 0
    assert NaNtoNum({"nan": 7, "posinf": 8, "neginf": -9})(values).tolist() == [7, 8, -9, 2]
    with pytest.raises(ConfigurationError, match="nan, posinf, neginf"):
        NaNtoNum({"inf": 1})


def test_normalize_shifts_first() -> None:
    """(x + shift) * scale, without wrapping 8-bit values around."""
    assert Normalize()(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0, 1]
    assert Normalize(shift=10, scale=0.5)(torch.tensor([250], dtype=torch.uint8)).tolist() == [130]
    assert Normalize()(torch.zeros(1, dtype=torch.uint8)).dtype == torch.float32
    large = torch.tensor([2**40 + 1])
    assert Normalize(scale=1)(large).item() == 2**40 + 1


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.int16, torch.int32], ids=str)
def test_integers_are_scaled_by_their_type(dtype) -> None:
    """The largest number of the type is 1, 0 is 0, and floats are as they were."""
    scaled = ScaleIntegers()(torch.tensor([0, torch.iinfo(dtype).max], dtype=dtype))
    assert scaled.tolist() == [0, 1]
    assert scaled.is_floating_point()
    floats = torch.tensor([0.0, 300.0])
    assert ScaleIntegers()(floats) is floats
    assert ScaleIntegers()(torch.tensor([False, True])).tolist() == [0, 1]


def test_noise_has_the_mean_and_width_asked_for() -> None:
    """Sampled over a hundred thousand values."""
    noise = GaussianNoise(mean=0.5, std=0.2)(torch.zeros(100_000), rng=np.random.default_rng(0))
    assert noise.mean().item() == pytest.approx(0.5, abs=0.005)
    assert noise.std().item() == pytest.approx(0.2, abs=0.005)
    assert torch.equal(GaussianNoise(0, 0)(image()), image())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("transform", [RandomContrast, RandomGamma])
def test_a_factor_of_one_changes_nothing(transform, dtype) -> None:
    """Images come back as they were, to within rounding."""
    if dtype == torch.int32:
        pytest.skip("white of 32 bits is far beyond this image's values: the exponent loses their last bit")
    x = image(dtype=dtype)
    assert torch.allclose(transform((1, 1))(x), x, atol=1e-3)


def test_contrast_stretches_about_the_mean_and_clips() -> None:
    """The result lies in 0..1; with a factor of 0 only the mean is left."""
    x = torch.tensor([0.2, 0.4, 0.6, math.nan])
    assert RandomContrast((0, 0))(x)[:3].tolist() == pytest.approx([0.4] * 3)
    assert RandomContrast((1.5, 1.5))(x)[:3].tolist() == pytest.approx([0.1, 0.4, 0.7])
    assert RandomContrast((9, 9))(x)[:3].tolist() == pytest.approx([0, 0.4, 1])
    assert RandomContrast()(x)[3].isnan()
    wide = torch.tensor([0, 100, 200], dtype=torch.uint8)
    assert RandomContrast((2, 2))(wide).tolist() == [0, 100, 255]


def test_gamma_keeps_black_and_white() -> None:
    """Values in between follow the power law."""
    x = torch.tensor([0.0, 0.25, 1.0, math.nan])
    assert RandomGamma((0.5, 0.5))(x)[:3].tolist() == pytest.approx([0, 0.5, 1])
    assert RandomGamma((2, 2))(x)[:3].tolist() == pytest.approx([0, 0.0625, 1])
    assert RandomGamma()(x)[3].isnan()
    assert RandomGamma((0.5, 0.5))(torch.tensor([0, 64, 255], dtype=torch.uint8)).tolist() == [0, 128, 255]


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_blur_is_the_gaussian_of_its_width(dim) -> None:
    """An impulse becomes the product of the weights along the last ``dim`` axes, and no other axis."""
    x = torch.zeros(2, 9, 9, 9, dtype=torch.float64)
    x[1, 4, 4, 4] = 1
    y = GaussianBlur(kernel_size=5, sigma=1.2, dim=dim)(x)
    weights = np.exp(-0.5 * (np.arange(-2, 3) / 1.2) ** 2)
    weights /= weights.sum()
    window = [slice(4, 5)] * (3 - dim) + [slice(2, 7)] * dim
    expected = weights
    for _ in range(dim - 1):
        expected = np.multiply.outer(expected, weights)
    assert np.allclose(y[(1, *window)].numpy().squeeze(), expected)
    assert y.sum().item() == pytest.approx(1)
    assert y[0].abs().sum() == 0


def test_blur_does_not_darken_borders() -> None:
    """A constant image stays constant."""
    assert torch.allclose(GaussianBlur(7, 2.0, dim=3)(torch.full((1, 3, 5, 9), 0.7)), torch.tensor(0.7))


def test_blur_keeps_unknown_values_to_themselves() -> None:
    """NaN stays where it is, and its neighbours are averaged over what is known."""
    x = torch.full((5, 5), 0.3)
    x[2, 2] = math.nan
    y = GaussianBlur(3, 1.0)(x)
    assert y[2, 2].isnan()
    y[2, 2] = 0.3
    assert torch.allclose(y, torch.tensor(0.3))


@pytest.mark.parametrize(
    ("transform", "options"),
    [
        (Binarize, {"threshold": "0.5"}),
        (Binarize, {"threshold": math.nan}),
        (GaussianBlur, {"kernel_size": 4}),
        (GaussianBlur, {"kernel_size": 0}),
        (GaussianBlur, {"kernel_size": 2.5}),
        (GaussianBlur, {"sigma": 0}),
        (GaussianBlur, {"sigma": None}),
        (GaussianBlur, {"dim": 0}),
        (GaussianBlur, {"channels": "raw"}),
        (GaussianNoise, {"std": -1}),
        (GaussianNoise, {"mean": math.inf}),
        (NaNtoNum, {"params": {"inf": 1}}),
        (NaNtoNum, {"params": 7}),
        (NaNtoNum, {"params": {"nan": "0"}}),
        (Normalize, {"scale": "1/255"}),
        (Normalize, {"shift": True}),
        (RandomContrast, {"contrast_range": (2, 1)}),
        (RandomContrast, {"contrast_range": (-1, 1)}),
        (RandomContrast, {"contrast_range": ("0.5", "1.5")}),
        (RandomGamma, {"gamma_range": (0.5, math.nan)}),
        (RandomGamma, {"gamma_range": 0.5}),
        (RandomGamma, {"gamma_range": (1, 2, 3)}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
def test_options_that_cannot_be_right_are_refused(transform, options) -> None:
    """The error comes when the transform is made: what was expected and what was given."""
    with pytest.raises(ConfigurationError, match=r"(?s)expected.*got"):
        transform(**options)


def test_a_tensor_with_too_few_axes_is_not_blurred() -> None:
    """The error says how many the blur needs."""
    with pytest.raises(ConfigurationError, match="at least 3"):
        GaussianBlur(dim=3)(torch.zeros(4, 4))


@pytest.mark.parametrize(
    ("transform", "defaults"),
    [
        (Binarize, {"threshold": 0.0}),
        (GaussianBlur, {"kernel_size": 3, "sigma": 0.1, "dim": 2, "channels": 1}),
        (GaussianNoise, {"mean": 0.0, "std": 0.1}),
        (NaNtoNum, {"params": None}),
        (Normalize, {"shift": 0.0, "scale": 1 / 255}),
        (RandomContrast, {"contrast_range": (0.5, 1.5)}),
        (RandomGamma, {"gamma_range": (0.5, 1.5)}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_options_have_the_names_order_and_defaults_that_programs_rely_on(transform, defaults) -> None:
    """By position or by name, and left out."""
    options = inspect.signature(transform).parameters.values()
    assert [(option.name, option.default) for option in options] == list(defaults.items())
