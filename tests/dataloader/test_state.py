"""Going on in the middle of an epoch."""

from __future__ import annotations

import itertools
import json
import random

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler

from cellmap_data.dataloader import CellMapDataLoader
from cellmap_data.enhanced_dataloader import EnhancedCellMapDataLoader
from cellmap_data.errors import ConfigurationError
from cellmap_data.sampler import (
    MutableSubsetRandomSampler,
    ShuffledOrder,
    SubsetDraw,
    UniformSampler,
    WeightedSampler,
)
from tests.toy import Toy, seeded

SIZE, BATCH, EPOCHS = 23, 4, 3
"""Three epochs of five batches of four and one of three."""


def contents(batch) -> tuple:
    """Everything a batch says, comparable and without its memory."""
    return tuple((key, tuple(value.flatten().tolist())) for key, value in batch.items())


def epochs(loader, count=EPOCHS) -> list[list[tuple]]:
    """The batches of some epochs."""
    return [[contents(batch) for batch in loader] for _ in range(count)]


def made(kind=CellMapDataLoader, *, seed=3, size=SIZE, **options):
    """A loader of toys that draw from their draws."""
    defaults = {"batch_size": BATCH, "rng": seeded(seed)}
    options = {"device": "cpu", **options} if kind is EnhancedCellMapDataLoader else options
    return kind(Toy(size, (1, 2, 2, 2)), **{**defaults, **options})


def stopped(loader, batches: int) -> dict:
    """The state after that many batches, over as many epochs as that takes, as a file would keep it."""
    everything = itertools.chain.from_iterable(iter(loader) for _ in range(EPOCHS))
    for _ in itertools.islice(everything, batches):
        state = loader.state_dict()
    return json.loads(json.dumps(state))


POINTS = sorted(random.Random(5).sample(range(1, 18), 10))


@pytest.fixture(scope="module")
def undisturbed() -> list[tuple]:
    """Three epochs in a row, in this process."""
    return list(itertools.chain(*epochs(made())))


@pytest.mark.parametrize(
    ("workers", "prefetch", "points"),
    [(0, True, POINTS), (0, False, POINTS), (1, True, POINTS[::3]), (2, False, POINTS[::3])],
    ids=["threads", "plain", "one worker", "two workers"],
)
def test_the_remaining_batches_are_the_same(workers, prefetch, points, undisturbed):
    """Stopped at random points, with any number of workers and prefetch, and resumed with another."""
    options = {"num_workers": workers, "enable_prefetch": prefetch}
    if workers:
        options |= {"persistent_workers": True, "prefetch_factor": 3}
    with (
        made(EnhancedCellMapDataLoader, **options) as one,
        made(EnhancedCellMapDataLoader) as other,
    ):
        for batches in points:
            one.set_epoch(0)
            for before, after in ((one, other), (other, one)):
                after.load_state_dict(stopped(before, batches))
                first = next(contents(batch) for _ in range(2) for batch in after)
                assert first == undisturbed[batches]
                after.load_state_dict(after.state_dict())
                left = EPOCHS - after.state_dict()["epoch"]
                assert list(itertools.chain(*epochs(after, left))) == undisturbed[batches + 1 :]
                after.set_epoch(0)


def test_a_state_is_small_and_plain():
    """JSON holds it, and so does a torch file that is loaded with weights only."""
    loader = made()
    state = stopped(loader, 2)
    assert state == loader.state_dict()
    assert (state["seed"], state["epoch"], state["k"]) == (3, 0, 8)


@pytest.mark.parametrize(
    ("batches", "expected"), [(0, (0, 0)), (5, (0, 20)), (6, (1, 0)), (7, (1, 0))], ids=str
)
def test_what_a_state_says(batches, expected):
    """The first sample that was not delivered; once iteration is over, the first of the next epoch."""
    loader = made()
    for number, _ in enumerate(loader if batches else [], start=1):
        if number == batches:
            break
    state = loader.state_dict()
    assert (state["epoch"], state["k"]) == expected


def test_in_the_last_step_nothing_of_the_epoch_is_left():
    """A checkpoint within the last step resumes with an empty remainder, then the next epoch."""
    loader = made()
    for _ in loader:
        state = loader.state_dict()
    assert (state["epoch"], state["k"]) == (0, SIZE)
    other = made()
    other.load_state_dict(state)
    assert epochs(other, 2) == [[], epochs(made(), 2)[1]]


def test_reading_ahead_does_not_count():
    """However much workers and threads have read, the state is that of what was delivered."""
    for kind, options in (
        (EnhancedCellMapDataLoader, {"max_prefetch": 16}),
        (CellMapDataLoader, {"num_workers": 2, "prefetch_factor": 3}),
    ):
        with made(kind, **options) as loader:
            assert stopped(loader, 1)["k"] == BATCH


def test_the_inner_loader_counts_too(undisturbed):
    """``loader.loader`` may be what is iterated, before and after."""
    before, after = made(), made()
    for batch, _ in zip(before.loader, range(2), strict=False):
        assert contents(batch) in undisturbed[:2]
    state = before.state_dict()
    after.load_state_dict(state)
    assert [contents(batch) for batch in after.loader] == undisturbed[state["k"] // BATCH : 6]


def test_iteration_goes_on_after_loading(undisturbed):
    """A loader that is iterated is closed and goes on where the state says, more than once."""
    loader = made()
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    for _ in range(2):
        assert list(itertools.chain(*epochs(loader, 2)))
        loader.load_state_dict(state)
    assert list(itertools.chain(*epochs(loader))) == undisturbed[1:]


def test_an_epoch_may_be_named_before_it_goes_on(undisturbed):
    """``set_epoch`` with the epoch of the state keeps the place; another epoch begins at its beginning."""
    state = stopped(made(), 8)
    for epoch, rest in ((1, undisturbed[8:12]), (2, undisturbed[12:])):
        loader = made()
        loader.load_state_dict(state)
        loader.set_epoch(epoch)
        assert epochs(loader, 1) == [rest]


def samples(loader) -> list[tuple]:
    """Index and noise of each sample of an epoch."""
    return [
        (int(i), *row.tolist())
        for batch in loader
        for i, row in zip(batch["idx"], batch["noise"], strict=True)
    ]


def test_the_size_of_a_batch_may_change():
    """The samples go on, in other batches."""
    whole = samples(made())
    loader = made(batch_size=5)
    loader.load_state_dict(stopped(made(), 3))
    assert samples(loader) == whole[12:]


@pytest.mark.parametrize("worlds", [(1, 2), (2, 2), (2, 1), (2, 3)], ids=str)
def test_the_number_of_ranks_may_change(worlds):
    """All ranks save the same; what is left is shared by however many there are then."""
    before, after = worlds
    ranks = [made(rank=rank, world_size=before) for rank in range(before)]
    states = [stopped(loader, 2) for loader in ranks]
    assert all(state == states[0] for state in states)
    rest = []
    for rank in range(after):
        loader = made(rank=rank, world_size=after)
        loader.load_state_dict(states[0])
        rest.append(samples(loader))
    whole = samples(made())
    left = len(whole) - states[0]["k"]
    together = [sample for several in itertools.zip_longest(*rest) for sample in several][:left]
    assert together == whole[states[0]["k"] :]


def crops_drawn(kind):
    """Samplers of ours."""
    return {
        "weighted": lambda: WeightedSampler([3, 20], [1, 1], 30),
        "uniform": lambda: UniformSampler(SIZE, True, seed=9),
        "subset": lambda: MutableSubsetRandomSampler(SubsetDraw(ShuffledOrder(SIZE, 5), 15)),
    }[kind]()


@pytest.mark.parametrize("kind", ["weighted", "uniform", "subset"])
@pytest.mark.parametrize("count", [None, 7])
def test_our_samplers_go_on(kind, count):
    """The loader's state includes its sampler's, the subset that was drawn too; so does the sampler's own."""
    first, second = (made(sampler=crops_drawn(kind), iterations_per_epoch=count) for _ in range(2))
    if kind == "subset":
        first.sampler.refresh()
    whole = epochs(first, 2)
    first.set_epoch(1)
    second.load_state_dict(stopped(first, 3))
    assert [contents(batch) for batch in second] == whole[1][3:]
    other = made(seed=first.sampler.clock.seed, sampler=crops_drawn(kind), iterations_per_epoch=count)
    other.sampler.load_state_dict(first.sampler.state_dict())
    assert [contents(batch) for batch in other] == whole[1][3:]


def test_looking_at_a_sampler_does_not_move_its_loader():
    """What a driven sampler yields by hand is its order, and the loader goes on where it stood."""
    loader = made(sampler=UniformSampler(SIZE))
    state = stopped(loader, 2)
    assert list(loader.sampler) == [i for i, *_ in samples(made(sampler=UniformSampler(SIZE)))]
    assert loader.state_dict() == state
    assert loader.sampler.state_dict()["k"] == 2 * BATCH


def test_our_samplers_go_on_alone():
    """Behind a foreign DataLoader a sampler counts what it handed out."""
    whole = list(UniformSampler(SIZE, seed=9))
    sampler = UniformSampler(SIZE, seed=9)
    for _ in zip(range(9), sampler, strict=False):
        pass
    other = UniformSampler(SIZE, seed=1)
    other.load_state_dict(json.loads(json.dumps(sampler.state_dict())))
    assert [int(i) for batch in DataLoader(Toy(SIZE), 4, sampler=other) for i in batch["idx"]] == whole[9:]
    assert sorted(other) == sorted(whole)


class EpochSampler(RandomSampler):
    """A user's sampler whose order follows from the epoch."""

    def __init__(self, data) -> None:
        super().__init__(data, generator=torch.Generator())

    def set_epoch(self, epoch) -> None:
        self.generator.manual_seed(epoch)


@pytest.mark.parametrize(
    "options",
    [
        {"sampler": EpochSampler(range(SIZE))},
        {"sampler": EpochSampler(range(7)), "iterations_per_epoch": 6},
        {"sampler": SequentialSampler(range(SIZE)), "drop_last": True},
        {"batch_sampler": BatchSampler(range(SIZE), 3, False), "batch_size": 1},
    ],
    ids=["epochs", "repeated", "sequence", "batches"],
)
def test_foreign_samplers_go_on_if_they_repeat_themselves(options):
    """They are iterated up to the place, and compared."""
    whole = epochs(made(**options), 2)
    loader = made(**options)
    loader.load_state_dict(stopped(made(**options), 4))
    assert epochs(loader, 2) == [whole[0][4:], whole[1]]


def test_a_foreign_sampler_that_does_not_repeat_itself_is_an_error():
    """Nothing is delivered that would not have come; the message says what to do."""
    loader = made(sampler=RandomSampler(range(SIZE)))
    loader.load_state_dict(stopped(loader, 4))
    with pytest.raises(ConfigurationError, match=r"same 16 indices of epoch 0(.|\n)*set_epoch"):
        next(iter(loader))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 24}, "23 positions"),
        ({"sampler": UniformSampler(SIZE)}, "EveryPosition"),
        ({"sampler": [1, 2]}, "trail"),
        ({"shuffle": False}, "shuffle"),
    ],
    ids=["data", "sampler", "list", "order"],
)
def test_the_state_of_another_loader_is_refused(options, words):
    """Other data, samplers or orders are named, and the loader stays as it was."""
    loader = made(**options)
    with pytest.raises(ConfigurationError, match=words):
        loader.load_state_dict(stopped(made(), 2))
    assert loader.state_dict()["k"] == 0


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "a mapping"),
        ({}, "keys epoch"),
        ({"epoch": "a"}, "epoch of a state"),
        ({"k": -1}, "k of a state"),
    ],
    ids=["nothing", "empty", "text", "below 0"],
)
def test_what_is_no_state_is_refused(state, words):
    """And the loader stays as it was."""
    loader = made()
    with pytest.raises(ConfigurationError, match=words):
        loader.load_state_dict({**stopped(made(), 2), **state} if state else state)
    assert loader.state_dict()["k"] == 0


def test_a_subset_that_a_user_chose_must_be_the_same():
    """It goes on if the same indices are given again, and is refused if others are."""

    def of(chosen):
        return made(sampler=MutableSubsetRandomSampler(lambda: chosen, seeded()))

    first = of([1, 5, 7, 11, 13])
    state, whole = stopped(first, 1), epochs(of([1, 5, 7, 11, 13]), 1)[0]
    again = of([1, 5, 7, 11, 13])
    again.load_state_dict(state)
    assert [contents(batch) for batch in again] == whole[1:]
    with pytest.raises(ConfigurationError, match="subsets"):
        of([1, 5, 7, 11, 14]).load_state_dict(state)


def test_other_weights_are_refused():
    """The order shows that it is another."""
    loader, other = (made(sampler=WeightedSampler([3, 20], [1, 2], 30)) for _ in range(2))
    with pytest.raises(ConfigurationError, match="weights"):
        loader.load_state_dict(stopped(made(seed=4, sampler=crops_drawn("weighted")), 2))
    assert loader.state_dict() == other.state_dict()
    assert epochs(loader) == epochs(other)
