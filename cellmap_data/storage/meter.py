"""What this process reads: counted by tensorstore and by our own loops, taken by whoever reports it."""

from __future__ import annotations

import threading

import tensorstore as ts

from cellmap_data.chunks import meter
from cellmap_data.storage.cache import tensorstore_keeps

_METRICS = {
    "hits": ("/tensorstore/cache/hit_count",),
    "misses": ("/tensorstore/cache/miss_count",),
    "evicted": ("/tensorstore/cache/evict_count",),
    "read": tuple(f"/tensorstore/kvstore/{store}/bytes_read" for store in ("file", "s3", "gcs", "http")),
}

_lock = threading.Lock()
_taken: dict[str, int] = dict.fromkeys(_METRICS, 0)


def take_counts() -> dict[str, int]:
    """What was counted in this process since the last time; of several who ask, each gets a part.

    Asking takes tens of microseconds, and next to nothing where nobody has read.

    Returns
    -------
    dict
        "read": bytes from files and stores, compressed. "hits", "misses", "evicted": chunks that were in the
        cache when they were wanted, that were not, and that had to leave it. "unpacked" and "filled": bytes
        of chunks that were decoded, and chunks that were known to hold one value. Readers of plugins that do
        without tensorstore are not counted.
    """
    with _lock:
        new = meter.take()
        if new["asked"] or tensorstore_keeps():
            now = {name: sum(map(_value, paths)) for name, paths in _METRICS.items()}
            since = {name: now[name] - _taken[name] for name in now}
            _taken.update(now)
            wanted = since["hits"] + since["misses"]
            new["unpacked"] += round(new["asked"] * (since["misses"] / wanted if wanted else 1))
            new.update(since)
    del new["asked"]
    return dict(new)


def _value(path: str) -> int:
    found = ts.experimental_collect_matching_metrics(path)
    return sum(int(each["value"]) for metric in found for each in metric["values"])
