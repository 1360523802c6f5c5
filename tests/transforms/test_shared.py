"""Noticing draws from the generators that a process shares."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from cellmap_data.transforms.seeding.shared import Snapshot, glance, seed_all

DRAWS: dict[str, Callable[[], object]] = {
    "random": random.random,
    "gauss": lambda: random.gauss(0, 1),
    "python-seed": lambda: random.seed(5),
    "python-cycle": lambda: [random.getrandbits(32) for _ in range(624)],
    "rand": np.random.rand,
    "randn": np.random.randn,
    "permutation": lambda: np.random.permutation(3),
    "numpy-seed": lambda: np.random.seed(5),
    "numpy-cycle": lambda: np.random.bytes(4 * 624),
}
draws = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())


@pytest.fixture(autouse=True)
def _keep_generators() -> Iterator[None]:
    states, bits = (random.getstate(), np.random.get_state()), np.random.get_bit_generator()
    seed_all(1)
    yield
    np.random.set_bit_generator(bits)
    random.setstate(states[0])
    np.random.set_state(states[1])


@draws
@pytest.mark.parametrize("kind", [np.random.MT19937, np.random.PCG64])
def test_a_glance_sees_draws_of_one_call(
    draw: Callable[[], object], kind: type[np.random.BitGenerator]
) -> None:
    """Also when numpy was given another bit generator; without a draw nothing has changed."""
    if kind is not np.random.MT19937:
        if draw is DRAWS["numpy-seed"]:
            pytest.skip("numpy seeds a Mersenne Twister only")
        np.random.set_bit_generator(kind(3))  # undone by the fixture
    before = glance()
    assert glance() == before
    draw()
    assert glance() != before


@pytest.mark.parametrize("name", [name for name in DRAWS if not name.endswith("seed")])
def test_a_snapshot_names_the_generator_of_every_draw(name: str) -> None:
    """The second one of a pair of normal numbers is no exception."""
    owner = "Python" if name.startswith(("python", "random", "gauss")) else "numpy"
    for _ in range(3):
        before = Snapshot()
        assert before.moved() == []
        DRAWS[name]()
        assert before.moved() == [f"{owner}'s global generator"]


def test_torch_is_looked_at_on_request() -> None:
    """A consumer that trains draws from it all the time."""
    some, all_of_them = Snapshot(), Snapshot(with_torch=True)
    torch.rand(1)
    assert some.moved() == []
    assert all_of_them.moved() == ["torch's global generator"]
