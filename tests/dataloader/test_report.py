"""What a loader says about its work."""

from __future__ import annotations

import json
import time

import pytest
from rich.console import Console

from cellmap_data import CellMapDataLoader, EnhancedCellMapDataLoader
from cellmap_data.account import Account, Cost, Skipped
from cellmap_data.dataloader.report import STAGES, Report
from cellmap_data.hookspecs import hookimpl
from tests.toy import EXECUTORS, Toy, executor_id


class Naps:
    """Sleeps in a hook of a sample and in one of a batch."""

    name = "naps"

    @hookimpl
    def post_sample(self, sample):
        time.sleep(0.01)
        return sample

    @hookimpl
    def post_collate(self, batch):
        time.sleep(0.005)
        return batch

    @hookimpl
    def pre_epoch(self, epoch): ...


@pytest.mark.executor
@pytest.mark.parametrize("options", EXECUTORS, ids=executor_id)
def test_every_call_of_every_plugin_is_counted(options):
    """Whichever thread or process it ran in; the sleep is in the seconds of the plugin and of the stage."""
    with EnhancedCellMapDataLoader(Toy(20), batch_size=2, plugins=[Naps()], **options) as loader:
        for _ in range(2):
            assert len(list(loader)) == 10
        report = loader.report()
    costs = report.account.costs
    assert {hook: cost.calls for (plugin, hook), cost in costs.items() if plugin == "naps"} == {
        "pre_epoch": 2,
        "post_sample": 40,
        "post_collate": 20,
    }
    assert costs["augmentation", "post_sample"].calls == 40
    assert costs["naps", "post_sample"].seconds >= 0.4
    assert costs["naps", "post_collate"].seconds >= 0.1
    assert report.seconds["post_sample"] >= 0.4
    assert report.batches == 20


def example() -> Report:
    report = Report(num_workers=2, batches=4)
    report.seconds |= {"read": 3.0, "wait": 1.0, "step": 1.0, "post_collate": 0.1}
    report.seconds["lock"] = 0.004
    report.counts |= {"used": 2_000_000, "touched": 16_000_000, "chunks": 64, "read": 3_000_000}
    report.counts |= {"hits": 16, "misses": 48, "evicted": 5, "ready": 6, "locks": 2}
    report.account = Account(
        {("acme.<denoise>", "post_sample"): Cost(8, 0.5)},
        {("acme.<denoise>", "post_sample"): Skipped("sample", 3, None, "ValueError: no [bold] membrane")},
    )
    return report


def test_as_text_it_has_every_number_and_every_name():
    """And nothing that looks like markup is lost."""
    text = str(example())
    assert all(stage in text for stage in STAGES)
    words = ["acme.<denoise>", "62.500", "no [bold] membrane", "4 batches", example().bottleneck]
    words += ["1.5 ready when one was asked for", "decoded 12.0 6.00", "25% of chunks from the cache, 5 had"]
    for word in words:
        assert word in " ".join(text.split()), text


def test_for_rich_and_for_notebooks_it_is_a_table():
    """With names escaped where they could be taken for markup."""
    console = Console(width=120)
    with console.capture() as printed:
        console.print(example())
    assert "no [bold] membrane" in printed.get()
    html = example()._repr_html_()
    assert html.count("<table>") == 4
    assert "acme.&lt;denoise&gt;" in html
    assert "<denoise>" not in html


def test_as_a_dictionary_it_goes_into_json():
    """For whoever logs it."""
    assert json.loads(json.dumps(example().as_dict())) == {
        "num_workers": 2,
        "batches": 4,
        "outside_slots": 0,
        "queue_depth": 1.5,
        "lock_delay": 0.002,
        "traffic": {
            "used": 2_000_000,
            "touched": 16_000_000,
            "chunks": 64,
            "read": 3_000_000,
            "hits": 16,
            "misses": 48,
            "evicted": 5,
            "unpacked": 0,
            "filled": 0,
            "decoded": 12_000_000,
            "hit_share": 0.25,
            "amplification": 6.0,
        },
        "stages": dict.fromkeys(STAGES, 0.0) | {"read": 3.0, "wait": 1.0, "step": 1.0, "post_collate": 0.1},
        "plugins": [{"plugin": "acme.<denoise>", "hook": "post_sample", "calls": 8, "seconds": 0.5}],
        "skipped": [
            {
                "plugin": "acme.<denoise>",
                "hook": "post_sample",
                "what": "sample",
                "count": 3,
                "first": "ValueError: no [bold] membrane",
            }
        ],
        "bottleneck": example().bottleneck,
    }


@pytest.mark.parametrize(
    ("seconds", "costs", "workers", "words"),
    [
        ({}, {}, 0, ["Nothing has been delivered"]),
        ({"wait": 0.1, "step": 9.9}, {}, 0, ["keep up", "99%"]),
        ({"wait": 5, "step": 5, "read": 9}, {}, 0, ["waited 50%", "reading", "num_workers=2"]),
        ({"wait": 5, "step": 5, "read": 9}, {}, 4, ["more workers than 4", "set_cache_budget"]),
        ({"wait": 5, "step": 5, "transform": 9, "read": 1}, {}, 2, ["90%", "value transforms"]),
        ({"wait": 5, "step": 5, "collate": 9}, {}, 2, ["making batches", "read_batch"]),
        ({"wait": 5, "read": 1}, {("blur", "post_sample"): 3}, 2, ["waited 100%", "75%", "plugin 'blur'"]),
        ({"wait": 1, "post_collate": 5, "step": 4}, {("flip", "post_collate"): 3}, 2, ["50%", "'flip'"]),
    ],
    ids=["nothing", "fine", "threads", "workers", "transforms", "collate", "plugin", "consumer"],
)
def test_the_bottleneck_is_named(seconds, costs, workers, words):
    """With its share of the time, and what to do about it."""
    report = Report(workers, batches=1)
    report.seconds |= seconds
    report.account = Account({key: Cost(1, value) for key, value in costs.items()})
    assert all(word in report.bottleneck for word in words), report.bottleneck


@pytest.mark.parametrize(
    ("counts", "advice", "workers", "words"),
    [
        ({"touched": 8, "used": 1}, "Chunks of 64 would do.", 2, ["do not suit", "Chunks of 64 would do."]),
        (
            {"hits": 5, "misses": 5, "evicted": 9},
            "",
            2,
            ["50% of the chunks", "9 had to leave", "set_cache_budget"],
        ),
        ({"hits": 5, "misses": 5}, "", 2, ["more workers than 2"]),
        (
            {"locks": 2},
            "Chunks of 64 would do.",
            0,
            ["wait 5.0 ms", "Python code of the consumer", "num_workers=2"],
        ),
        ({"locks": 2}, "", 2, ["more workers than 2"]),
        ({"locks": 2, "idle": 1}, "", 0, ["on reading", "num_workers=2"]),
    ],
    ids=["chunks", "cache", "workers", "python", "python beside workers", "short of processors"],
)
def test_if_it_is_reading_one_change_is_named(counts, advice, workers, words):
    """The one that helps most: chunks, cache, or readers; a consumer busy in Python slows threads only."""
    report = Report(workers, batches=1, chunk_advice=advice)
    report.seconds |= {"wait": 5, "step": 5, "read": 9, "lock": 0.01}
    report.seconds["step_cpu"] = 0.5 if "idle" in counts else 4
    report.counts |= counts
    assert all(word in report.bottleneck for word in words), report.bottleneck


@pytest.mark.parametrize(
    ("seconds", "lock", "busy"),
    [
        ({"wait": 0.349, "step": 0.961, "step_cpu": 0.836, "read": 2.21}, 6.9e-3, True),
        ({"wait": 0.581, "step": 1.866, "step_cpu": 1.629, "read": 4.84}, 1.5e-3, True),
        ({"wait": 0.484, "step": 2.288, "step_cpu": 1.668, "read": 2.19}, 0.9e-3, False),
        ({"wait": 0.397, "step": 2.148, "step_cpu": 1.636, "read": 2.01}, 0.5e-3, False),
        ({"wait": 0.215, "step": 0.825, "step_cpu": 0.016, "read": 0.81}, 0.1e-3, False),
    ],
    ids=["python, 10 ms", "python, 20 ms", "torch", "numpy", "sleep"],
)
def test_a_consumer_busy_in_python_is_told_from_others(seconds, lock, busy):
    """By figures as they were measured: of what works outside Python's lock, threads notice little."""
    report = Report(0, batches=80)
    report.seconds |= {**seconds, "lock": 8 * lock}
    report.counts |= {"locks": 8}
    assert ("Python code of the consumer" in report.bottleneck) is busy, report.bottleneck


class ManyCalls(Toy):
    """Reads in many short calls, after each of which Python's lock is wanted again."""

    def before(self, index):
        for _ in range(40):
            time.sleep(1e-3)


def test_a_loop_that_is_busy_in_python_is_told_so():
    """However often it waits: what counts is how long threads wait for it while it has a batch in hand."""
    with EnhancedCellMapDataLoader(ManyCalls(30), device="cpu") as loader:
        for _ in loader:
            end = time.thread_time() + 0.05
            while time.thread_time() < end:
                pass
        report = loader.report()
    assert report.counts["locks"] > 0
    assert "Python code of the consumer" in report.bottleneck, report.bottleneck


def test_the_plain_loader_reports_too():
    """Without plugins there is no table of them."""
    loader = CellMapDataLoader(Toy(4), batch_size=2)
    list(loader)
    assert "Plugins" not in str(loader.report())
    assert loader.report().batches == 2
