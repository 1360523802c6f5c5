"""What fails ahead of the consumer is told when its batch is wanted; finished ones come before."""

from __future__ import annotations

import pytest

from cellmap_data import EnhancedCellMapDataLoader
from cellmap_data.errors import HookError
from cellmap_data.hookspecs import hookimpl
from tests.enhanced_dataloader.recorder import Recorder
from tests.toy import Toy, executor_id

BEFORE = [[0, 1], [2, 3], [4, 5]]

every_executor = pytest.mark.parametrize(
    "options", [{"num_workers": 0}, {"num_workers": 1}, {"num_workers": 2}], ids=executor_id
)


class Fussy:
    """Does not like the batch of index 6."""

    @hookimpl
    def pre_batch(self, indices):
        if 6 in indices:
            raise RuntimeError("not this one")


class Stingy:
    """Has no memory for the fifth batch that it is asked for."""

    priority = 50  # asked before memory_optimization
    asked = 0

    @hookimpl
    def allocate_batch(self):
        self.asked += 1
        if self.asked == 5:
            raise RuntimeError("no more memory")


class CutOff:
    """A sampler that ends in an error."""

    def __len__(self):
        return 12

    def __iter__(self):
        yield from range(6)
        raise RuntimeError("the list is cut off")


def taken(loader, error, match):
    """The indices of the batches that come before an error."""
    seen = []
    with pytest.raises(error, match=match):
        seen.extend(batch["idx"].tolist() for batch in loader)
    return seen


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path / "events")


@pytest.mark.executor
@every_executor
def test_a_failing_pre_batch_costs_no_finished_batch(recorder, options):
    """The batches before it arrive and end with their hooks, then comes the error, then the epoch ends."""
    plugins = [recorder, Fussy()]
    with EnhancedCellMapDataLoader(
        Toy(12), batch_size=2, is_train=False, plugins=plugins, **options
    ) as loader:
        assert taken(loader, HookError, "(?s)failed in pre_batch.*not this one") == BEFORE
        told = [row[:2] for row in recorder.lines("post_collate", "post_batch", "post_epoch")]
        assert loader.state_dict()["k"] == 6
    each = [(hook, str(batch)) for batch in BEFORE for hook in ("post_collate", "post_batch")]
    assert told == [*each, ("post_epoch", "0")]


@pytest.mark.executor
@every_executor
def test_a_failing_sampler_costs_no_finished_batch(recorder, options):
    """Its error takes the place of the batch that it did not name, and is no quiet end of the epoch."""
    with EnhancedCellMapDataLoader(
        Toy(12), batch_size=2, sampler=CutOff(), plugins=[recorder], **options
    ) as loader:
        assert taken(loader, RuntimeError, "cut off") == BEFORE
    assert recorder.calls("post_batch") == list(map(str, BEFORE))
    assert recorder.calls("post_epoch") == ["0"]


@pytest.mark.executor
@every_executor
def test_memory_that_cannot_be_had_costs_no_finished_batch(options):
    """Batches that have their memory arrive; with workers the first answer serves to start them."""
    with EnhancedCellMapDataLoader(
        Toy(20), batch_size=2, is_train=False, plugins=[Stingy()], **options
    ) as loader:
        seen = taken(loader, HookError, "no more memory")
    assert len(seen) == 4 - bool(options["num_workers"])


def test_who_stops_before_the_failing_batch_is_not_told_of_it():
    """It was never wanted; the next epoch meets it again, at its place."""
    with EnhancedCellMapDataLoader(Toy(12), batch_size=2, is_train=False, plugins=[Fussy()]) as loader:
        for batch in loader:
            if batch["idx"].tolist() == BEFORE[-1]:
                break
        assert taken(loader, HookError, "pre_batch") == BEFORE
