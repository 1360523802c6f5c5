"""What holds a loader up, in words."""

from __future__ import annotations

from collections.abc import Mapping

from cellmap_data.account import Account

__all__ = ["bottleneck"]

_ENOUGH = 0.05
"""Waiting less than this share of the time is not worth a change."""


def bottleneck(seconds: Mapping[str, float], account: Account, num_workers: int) -> str:
    """What the consumer's time went to, and what to change if it waits.

    Parameters
    ----------
    seconds
        Stage -> seconds, as in a report.
    account
        What plugins cost.
    num_workers
        Where samples are read; 0 is in threads of the consumer's process.
    """
    waited, plugins, step = (seconds.get(stage, 0.0) for stage in ("wait", "post_collate", "step"))
    total = waited + plugins + step
    if not total:
        return "Nothing has been delivered yet."
    if max(waited, plugins) <= _ENOUGH * total:
        return f"The data keep up: {step / total:.0%} of the time was the consumer's own step."
    if plugins > waited:
        culprit = _dearest(account, "post_collate")
        return (
            f"Plugins took {plugins / total:.0%} of the consumer's time in post_collate, mostly {culprit}. "
            "What can be done sample by sample, in post_sample, runs beside the consumer."
        )
    work = _work(seconds, account)
    what = max(work, key=lambda name: work[name])
    share = work[what] / (sum(work.values()) or 1)
    advice = _advice(what, num_workers)
    return (
        f"The consumer waited {waited / total:.0%} of its time for data. "
        f"Readers spent most of theirs ({share:.0%}) on {what}: {advice}."
    )


_READING, _TRANSFORMS, _COLLATING = "reading", "the dataset's value transforms", "making batches of samples"


def _work(seconds: Mapping[str, float], account: Account) -> dict[str, float]:
    """What readers do -> seconds; each plugin of its own."""
    stages = {_READING: "read", _TRANSFORMS: "transform", _COLLATING: "collate"}
    work = {what: seconds.get(stage, 0.0) for what, stage in stages.items()}
    for (plugin, hook), cost in account.costs.items():
        if hook == "post_sample":
            work[f"plugin {plugin!r}"] = cost.seconds
    return work


def _advice(what: str, num_workers: int) -> str:
    processes = (
        "num_workers=2 gives readers processes of their own, which Python code in the consumer does not slow"
        if num_workers == 0
        else f"more workers than {num_workers} may help while there are cores to spare"
    )
    more = {
        _READING: "so may a larger cellmap_data.storage.set_cache_budget(...) if the same chunks come again",
        _COLLATING: "a dataset with read_batch has nothing to copy here",
    }
    return f"{processes}; {more.get(what, 'else make it cheaper')}"


def _dearest(account: Account, hook: str) -> str:
    costs = {plugin: cost.seconds for (plugin, answered), cost in account.costs.items() if answered == hook}
    return repr(max(costs, key=lambda plugin: costs[plugin])) if costs else "unknown"
