"""gunpowder: a source for each array of a volume, random locations, batches made ahead by processes."""

from __future__ import annotations

import gunpowder as gp
import numpy as np
from serve import serve

VOXEL = gp.Coordinate((8, 8, 8))
RAW = gp.ArrayKey("RAW")


def source(place, keys, size):
    """All arrays of one volume, at the same random location."""
    whole = gp.Roi((0, 0, 0), (size,) * 3) * VOXEL

    def one(key, group):
        spec = gp.ArraySpec(roi=whole, voxel_size=VOXEL, interpolatable=key == RAW)
        return gp.ZarrSource(f"{place}/{group}", {key: "s0"}, {key: spec})

    sources = tuple(one(key, group) for key, group in keys.items())
    return sources + gp.MergeProvider() + gp.RandomLocation()


def augmentation(name):
    """The node for one of our transforms."""
    if name == "mirror + transpose":
        return gp.SimpleAugment()
    if name == "one axis turned":
        return gp.ElasticAugment((40,) * 3, (0,) * 3, (-np.pi, np.pi))
    if name == "elastic":
        return gp.ElasticAugment((40,) * 3, (5,) * 3, (0, 0))
    raise SystemExit(f"gunpowder has no augmentation for: {name}")


def make(task):
    """Batches of the pipeline; with no workers it makes each when it is asked."""
    keys = {RAW: "raw"} | {gp.ArrayKey(name.upper()): f"labels/{name}" for name in task.classes}
    size = task.crop if task.crops else task.size
    pipeline = tuple(source(place, keys, size) for place in task.places)
    pipeline = (pipeline + gp.RandomProvider()) if task.crops else pipeline[0]
    if task.transform != "none":
        pipeline += augmentation(task.transform)
    pipeline += gp.Stack(task.batch)
    if task.workers:
        pipeline += gp.PreCache(cache_size=4 * task.workers, num_workers=task.workers)
    request = gp.BatchRequest()
    for key in keys:
        request.add(key, VOXEL * task.patch)
    with gp.build(pipeline):
        while True:
            batch = pipeline.request_batch(request)
            labels = np.stack([batch[key].data for key in keys if key != RAW], axis=1)
            yield {"raw": batch[RAW].data[:, None], "labels": labels}


if __name__ == "__main__":
    serve(make)
