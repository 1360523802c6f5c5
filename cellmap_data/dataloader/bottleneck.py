"""What holds a loader up, in words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cellmap_data.dataloader.report import Report

_ENOUGH = 0.05
"""Waiting less than this share of the time is not worth a change."""

_BUSY, _OFTEN = 1e-3, 0.25
"""Seconds that threads wait for Python's lock, and share of the time that the consumer's thread computes in
its step, from which on it is busy in Python: where processors are short, the first alone says little."""

_SMALL_CACHE = 0.2
"""From this share of hits on, the chunks that had to leave the cache are missed."""


def bottleneck(report: Report) -> str:
    """What the consumer's time went to, and what to change if it waits."""
    seconds = report.seconds
    waited, plugins, step = (seconds.get(stage, 0.0) for stage in ("wait", "post_collate", "step"))
    total = waited + plugins + step
    if not total:
        return "Nothing has been delivered yet."
    if max(waited, plugins) <= _ENOUGH * total:
        return f"The data keep up: {step / total:.0%} of the time was the consumer's own step."
    if plugins > waited:
        return (
            f"Plugins took {plugins / total:.0%} of the consumer's time in post_collate, "
            f"mostly {_dearest(report)}. "
            "What can be done sample by sample, in post_sample, runs beside the consumer."
        )
    work = _work(report)
    what = max(work, key=lambda name: work[name])
    share = work[what] / (sum(work.values()) or 1)
    return (
        f"The consumer waited {waited / total:.0%} of its time for data. "
        f"Readers spent most of theirs ({share:.0%}) on {what}: {_advice(what, report)}"
    )


_READING, _TRANSFORMS, _COLLATING = "reading", "the dataset's value transforms", "making batches of samples"


def _work(report: Report) -> dict[str, float]:
    """What readers do -> seconds; each plugin of its own."""
    stages = {_READING: "read", _TRANSFORMS: "transform", _COLLATING: "collate"}
    work = {what: report.seconds.get(stage, 0.0) for what, stage in stages.items()}
    for (plugin, hook), cost in report.account.costs.items():
        if hook == "post_sample":
            work[f"plugin {plugin!r}"] = cost.seconds
    return work


def _advice(what: str, report: Report) -> str:
    if _busy_in_python(report):
        return (
            f"its threads wait {report.lock_delay * 1e3:.1f} ms at a time for Python code of the consumer. "
            "num_workers=2 gives readers processes of their own; "
            "sys.setswitchinterval(0.0005) shortens the waiting."
        )
    if what == _READING:
        return _about_reading(report)
    if what == _COLLATING:
        return f"{_more_readers(report)}; a dataset with read_batch has nothing to copy here."
    return f"{_more_readers(report)}; else make it cheaper."


def _busy_in_python(report: Report) -> bool:
    """Whether the consumer's own Python code keeps reading threads from running."""
    waited, step, cpu = (report.seconds.get(name, 0.0) for name in ("wait", "step", "step_cpu"))
    return report.num_workers == 0 and report.lock_delay > _BUSY and cpu > _OFTEN * (waited + step)


def _about_reading(report: Report) -> str:
    """The one change that helps most: other chunks, a larger cache, more readers."""
    if report.chunk_advice:
        return f"the chunks do not suit the patches. {report.chunk_advice}"
    traffic = report.traffic
    if traffic.evicted and traffic.hit_share >= _SMALL_CACHE:
        return (
            f"{traffic.hit_share:.0%} of the chunks came from the cache, {traffic.evicted} had to leave it. "
            "A larger cellmap_data.storage.set_cache_budget(...) saves decoding."
        )
    return (
        f"{_more_readers(report)}; so may a larger cellmap_data.storage.set_cache_budget(...) "
        "if the same chunks come again."
    )


def _more_readers(report: Report) -> str:
    if report.num_workers == 0:
        return (
            "num_workers=2 gives readers processes of their own, "
            "which Python code in the consumer does not slow"
        )
    spare = (os.cpu_count() or 1) - report.num_workers
    if spare > 0:
        return f"more workers than {report.num_workers} may help, there are {spare} cores more"
    return f"more workers than {report.num_workers} may help on a machine with more cores"


def _dearest(report: Report) -> str:
    """The plugin whose ``post_collate`` took longest."""
    costs = {
        plugin: cost.seconds
        for (plugin, hook), cost in report.account.costs.items()
        if hook == "post_collate"
    }
    return repr(max(costs, key=lambda name: costs[name])) if costs else "unknown"
