"""Code of others between the loader and its user: tickets dropped, cut, lengthened, made up."""

from __future__ import annotations

from collections import Counter

import pytest
from torch.utils.data import DataLoader

from cellmap_data import EnhancedCellMapDataLoader
from cellmap_data.errors import ShardedTwiceError
from tests.enhanced_dataloader.recorder import Recorder
from tests.toy import Toy, is_right, seeded

FOREIGN = {
    "skip-first": lambda tickets: list(tickets)[3:],
    "every-second": lambda tickets: list(tickets)[::2],
    "cut": lambda tickets: [ticket[:1] for ticket in tickets],
    "lengthened": lambda tickets: [[*ticket, ticket[0]] for ticket in tickets],
    "made-up": lambda tickets: [[3, 4], [5]],
    "back-and-forth": lambda tickets: [tickets[i] for i in (2, 0, 3)],
}


class Between:
    """A batch sampler around a batch sampler."""

    def __init__(self, inner, change):
        self.inner, self.change = inner, change

    def __iter__(self):
        yield from self.change(list(self.inner))


class Lazy(Between):
    """The same, one ticket at a time."""

    def __iter__(self):
        for number, ticket in enumerate(self.inner):
            if number % 2 == 0:
                yield ticket


def rewrapped(loader, change, wrapper=Between):
    """What a framework makes of ``loader.loader``."""
    inner = loader.loader
    return DataLoader(
        inner.dataset, batch_sampler=wrapper(inner.batch_sampler, change), collate_fn=inner.collate_fn
    )


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_changed_tickets_give_the_samples_they_name(change, workers):
    """Whatever foreign code does to the tickets, each batch holds exactly the samples its ticket names."""
    with EnhancedCellMapDataLoader(Toy(), batch_size=2, rng=seeded(), num_workers=workers) as loader:
        plain = [batch["idx"].tolist() for batch in loader]
        loader.set_epoch(0)
        batches = list(rewrapped(loader, change))
        assert all(is_right(batch) for batch in batches)
        assert [batch["idx"].tolist() for batch in batches] == [list(t) for t in change(plain)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_dropped_ticket_costs_no_hook_of_the_others(tmp_path, workers):
    """When every second ticket is dropped on the way, batch hooks fire once for each batch that arrives."""
    recorder = Recorder(tmp_path / "events")
    with EnhancedCellMapDataLoader(Toy(), batch_size=2, num_workers=workers, plugins=[recorder]) as loader:
        batches = [str(batch["idx"].tolist()) for batch in rewrapped(loader, None, Lazy)]
    assert len(batches) == 5
    for hook in ("post_collate", "post_batch"):
        assert Counter(recorder.calls(hook)) == Counter(batches), hook
    assert recorder.calls("pre_epoch") == recorder.calls("post_epoch") == ["0"]


def test_splitting_over_ranks_twice_is_an_error():
    """When this loader was told its rank and a wrapper drops tickets as well, the error says so."""
    with (
        EnhancedCellMapDataLoader(Toy(40), batch_size=2, rank=0, world_size=2) as loader,
        pytest.raises(ShardedTwiceError, match="split over ranks once more"),
    ):
        list(rewrapped(loader, None, Lazy))


def test_a_foreign_ticket_after_an_epoch_was_left_changes_no_epoch():
    """A ticket that nobody handed out reads its batch, and the next epoch is what it would have been."""

    def second_epoch(ticket):
        with EnhancedCellMapDataLoader(Toy(), batch_size=3, rng=seeded()) as loader:
            for _batch in loader:
                break
            if ticket:
                assert loader.loader.collate_fn(ticket)["idx"].tolist() == ticket
            return [batch["idx"].tolist() for batch in loader]

    assert second_epoch([1, 2, 3]) == second_epoch(None)


def test_a_rank_whose_only_ticket_is_foreign_gets_its_batch():
    """A framework may fill up the last batch of a rank before that rank asked for any of its own."""
    with EnhancedCellMapDataLoader(Toy(), batch_size=3, rng=seeded()) as loader:
        next(iter(loader.loader.batch_sampler))
        assert loader.loader.collate_fn([1, 2, 3])["idx"].tolist() == [1, 2, 3]
