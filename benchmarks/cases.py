"""The cases: what is delivered, and by whom."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.tasks import Setting, Task

NATIVE, RAM = Setting("native"), Setting("ram")
EARLIER = Setting("earlier"), Setting("earlier", workers=2)
SLEEPS = tuple(f"sleep {milliseconds}" for milliseconds in (0, 20, 50, 100))
PRODUCTS = tuple(f"matmul {milliseconds}" for milliseconds in (20, 50, 100))


@dataclass(frozen=True, slots=True)
class Case:
    """A group of contenders that are measured in turns.

    Attributes
    ----------
    name, about
        What to type, and what the table is headed with.
    task
        The same for all.
    settings
        The contenders; rates are divided by that of the first.
    steps
        What follows each batch, see :func:`benchmarks.driver.take_turns`.
    """

    name: str
    about: str
    task: Task
    settings: tuple[Setting, ...]
    steps: tuple[str, ...] = ("",)


def ours(**options: object) -> tuple[Setting, Setting]:
    """Ours, with threads and with two workers."""
    return Setting(**options), Setting(workers=2, **options)  # type: ignore[arg-type]


def turned(transform: str, *others: Setting) -> tuple[Setting, ...]:
    """Ours and others under a transform, after ours without."""
    return (Setting(), *ours(transform=transform), *others)


CASES = (
    Case("main", "raw + 3, 128^3, native dtype", Task(), (NATIVE, *ours(), *EARLIER)),
    Case(
        "peers",
        "raw + 3, 128^3, other peers",
        Task(),
        (NATIVE, RAM, Setting(workers=2), Setting("gunpowder"), Setting("gunpowder", workers=2)),
    ),
    Case("float32", "raw + 3, 128^3, float32", Task(), (NATIVE, *ours(dtype="float32"), EARLIER[1])),
    Case("classes", "raw + 14, 128^3, native dtype", Task(labels=14), (NATIVE, *ours(), EARLIER[1])),
    Case("small", "raw + 3, 64^3, native dtype", Task(patch=64, batch=4), (NATIVE, *ours(), EARLIER[1])),
    Case(
        "mirror",
        "raw + 3, 128^3, mirror + transpose",
        Task(),
        turned(
            "mirror + transpose", Setting(workers=2), Setting("earlier", 2, transform="mirror + transpose")
        ),
    ),
    Case(
        "rotate1",
        "raw + 3, 128^3, rotated about one axis",
        Task(),
        turned(
            "one axis turned",
            Setting("earlier", transform="one axis turned"),
            Setting("gunpowder", 2, transform="one axis turned"),
        ),
    ),
    Case(
        "rotate3",
        "raw + 3, 128^3, rotated about three axes",
        Task(),
        turned("three axes turned", Setting("earlier", transform="three axes turned")),
    ),
    Case(
        "elastic",
        "raw + 3, 128^3, elastic deformation",
        Task(),
        turned("elastic", Setting("gunpowder", 2, transform="elastic")),
    ),
    Case(
        "aligned",
        "raw + 3, 128^3, patches on chunks",
        Task(align=64),
        (NATIVE, *ours(), Setting("zarrdataset", workers=2)),
    ),
    Case(
        "crops",
        "raw + 3, 128^3 from 16 crops of 192^3",
        Task(crops=16),
        (NATIVE, *ours(cache=1024), EARLIER[1], Setting("monai", 2), Setting("torchio", 2)),
    ),
    Case(
        "window",
        "raw + 3, 128^3, 8 patches a window",
        Task(),
        (NATIVE, *ours(cache=256, window=8), EARLIER[0]),  # which has no windows
    ),
    Case("v2-128", "raw + 3, 128^3, zarr v2, chunks of 128^3", Task(chunk=128), (NATIVE, *ours())),
    Case("v3", "raw + 3, 128^3, zarr v3", Task(layout="v3"), (NATIVE, *ours())),
    Case("v3-128", "raw + 3, 128^3, v3, chunks of 128^3", Task(layout="v3", chunk=128), (NATIVE, *ours())),
    Case("sharded", "raw + 3, 128^3, shards of 256^3", Task(layout="sharded"), (NATIVE, *ours())),
    Case("s3", "raw + 3, 128^3 from S3, 20 ms, 125 MB/s", Task(size=256, bucket=True), ours()),
    Case(
        "plugins",
        "raw + 3, 64^3, plugins added",
        Task(patch=64, batch=4),
        (*ours(), *ours(plugins=4)) * 2,  # equal processes differ by more than plugins cost
    ),
    Case("wait", "raw + 3, 128^3, a step after each batch", Task(), ours(), (*SLEEPS, *PRODUCTS)),
)
