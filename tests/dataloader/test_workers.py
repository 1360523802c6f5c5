"""Worker processes that die, hang on, or cannot be started."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from cellmap_data import storage
from cellmap_data.dataloader import CellMapDataLoader
from cellmap_data.errors import ConfigurationError, ReadTimeoutError, WorkerDiedError
from tests.toy import Slow, Toy
from tests.volumes import write_multiscale

ROOT = Path(__file__).parents[2]
METHODS = pytest.mark.parametrize("method", ["fork", "forkserver"])


@METHODS
def test_a_killed_worker_is_an_error_and_the_next_epoch_works(method, tmp_path):
    """A worker that is killed is reported within seconds, with what to look for; fresh ones take over."""
    fuse = tmp_path / "fuse"
    fuse.touch()
    script = f"""
        from pathlib import Path
        import pytest
        from cellmap_data.dataloader import CellMapDataLoader
        from cellmap_data.errors import WorkerDiedError
        from tests.toy import Suicidal
        if __name__ == "__main__":
            fuse = Path({str(fuse)!r})
            loader = CellMapDataLoader(Suicidal(fuse), batch_size=2, is_train=False, num_workers=2,
                                       multiprocessing_context={method!r}, persistent_workers=True)
            with loader:
                with pytest.raises(WorkerDiedError, match="out of memory"):
                    list(loader)
                fuse.unlink()
                print(len(list(loader)), "batches", flush=True)
    """
    # In a process of its own: this one may have read, and then it cannot fork.
    out, _ = start(script, tmp_path).communicate(timeout=120)
    assert out.strip() == "10 batches"


@METHODS
def test_a_killed_consumer_leaves_no_process_and_no_file(method, tmp_path):
    """When the training process is killed its workers end by themselves and no shared memory stays."""
    script = f"""
        from cellmap_data.dataloader import CellMapDataLoader
        from tests.toy import Slow
        if __name__ == "__main__":
            loader = CellMapDataLoader(Slow(10**6), batch_size=2, num_workers=2,
                                       multiprocessing_context={method!r})
            for n, batch in enumerate(loader):
                if n == 6:
                    print("running", flush=True)
    """
    consumer = start(script, tmp_path)
    assert consumer.stdout is not None
    assert consumer.stdout.readline().strip() == "running"
    family = psutil.Process(consumer.pid).children(recursive=True)
    assert len(family) >= 2
    files = shared_files([psutil.Process(consumer.pid), *family])
    consumer.send_signal(signal.SIGKILL)
    consumer.wait()
    consumer.stdout.close()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    deadline = time.monotonic() + 20
    while any(file.exists() for file in files) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [file for file in files if file.exists()] == []


@METHODS
def test_ctrl_c_ends_the_run_and_every_process(method, tmp_path):
    """Ctrl-C, which reaches workers too, ends in KeyboardInterrupt and leaves nothing."""
    script = f"""
        import multiprocessing
        from cellmap_data.dataloader import CellMapDataLoader
        from tests.toy import Slow
        if __name__ == "__main__":
            loader = CellMapDataLoader(Slow(10**6), batch_size=2, num_workers=2,
                                       multiprocessing_context={method!r})
            try:
                for n, batch in enumerate(loader):
                    if n == 6:
                        print("running", flush=True)
            except KeyboardInterrupt:
                loader.close()
                print("interrupted", len(multiprocessing.active_children()), flush=True)
    """
    consumer = start(script, tmp_path, start_new_session=True)
    assert consumer.stdout is not None
    assert consumer.stdout.readline().strip() == "running"
    family = psutil.Process(consumer.pid).children(recursive=True)
    os.killpg(consumer.pid, signal.SIGINT)
    out, _ = consumer.communicate(timeout=60)
    assert out.strip() == "interrupted 0"
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []


def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    """A script that starts workers at its top level ends with an error that names the guard."""
    script = """
        from cellmap_data.dataloader import CellMapDataLoader
        from tests.toy import Toy
        list(CellMapDataLoader(Toy(), num_workers=1, multiprocessing_context="forkserver"))
    """
    done = start(script, tmp_path, stderr=subprocess.PIPE)
    _, err = done.communicate(timeout=90)
    assert done.returncode != 0
    assert "if __name__ == '__main__':" in err
    assert "WorkerDiedError" in err


@pytest.mark.parametrize("part", ["dataset", "collate_fn", "worker_init_fn"])
def test_what_cannot_travel_is_named_before_workers_start(part):
    """A part that cannot be pickled is named in the consumer; nothing hangs or falls back silently."""
    parts = {"dataset": Toy(), part: Unpicklable() if part == "dataset" else lambda *_: None}
    dataset = parts.pop("dataset")
    loader = CellMapDataLoader(dataset, num_workers=1, multiprocessing_context="forkserver", **parts)
    with pytest.raises(ConfigurationError, match=f"the {part} cannot be sent to worker processes"):
        next(iter(loader))


class Counter:
    """A worker_init_fn that counts workers in memory they share."""

    def __init__(self, context):
        self.started = context.Value("i", 0)

    def __call__(self, worker_id):
        with self.started.get_lock():
            self.started.value += 1


def test_what_travels_only_at_the_start_of_a_process_travels():
    """Locks and values of multiprocessing reach workers, as they do with torch's own loader."""
    counter = Counter(multiprocessing.get_context("forkserver"))
    options = {"num_workers": 2, "multiprocessing_context": "forkserver", "worker_init_fn": counter}
    with CellMapDataLoader(Toy(), batch_size=2, **options) as loader:
        list(loader)
    assert counter.started.value == 2


class Unpicklable(Toy):
    """A dataset that holds something no other process can have."""

    def __init__(self):
        super().__init__()
        self.handle = lambda: None


def test_fork_is_refused_after_a_read(tmp_path):
    """Fork, which would hang once this process has read, is then not used, and refused when asked for."""
    path = write_multiscale(tmp_path / "raw.zarr", np.zeros((16, 16, 16), np.uint8))
    storage.open_array(f"{path}/s0").read((slice(0, 4),) * 3)
    assert storage.live_reader()
    loader = CellMapDataLoader(Toy(), num_workers=1, multiprocessing_context="fork")
    with pytest.raises(ConfigurationError, match="reads in threads"):
        next(iter(loader))
    with CellMapDataLoader(Toy(), num_workers=1) as loader:
        assert len(list(loader)) == 20


def test_a_timeout_is_an_error():
    """``timeout`` bounds the wait for a batch."""
    dataset = Slow(10)
    loader = CellMapDataLoader(dataset, batch_size=10, num_workers=1, timeout=0.05)
    with loader, pytest.raises(ReadTimeoutError, match="did not come in time"):
        list(loader)


def test_workers_are_initialised_by_the_user_too(tmp_path):
    """``worker_init_fn`` runs in each worker before it reads."""
    init = Touch(tmp_path)
    with CellMapDataLoader(Toy(), num_workers=2, worker_init_fn=init) as loader:
        list(loader)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


class Touch:
    """Makes a file for each worker."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, worker_id):
        (self.folder / str(worker_id)).touch()


def shared_files(processes):
    """The files in shared memory that processes map."""
    paths = {Path(area.path) for process in processes for area in process.memory_maps()}
    return [path for path in paths if path.is_relative_to("/dev/shm")]


def start(script, folder, **options):
    """A Python process that runs ``script`` and can import this project's tests."""
    path = folder / "script.py"
    path.write_text(textwrap.dedent(script))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, str(path)], stdout=subprocess.PIPE, text=True, env=environment, cwd=folder, **options
    )


def explode(*_):
    raise RuntimeError("boom")


@pytest.mark.parametrize("where", ["collate_fn", "worker_init_fn"])
def test_a_runtime_error_of_the_user_is_no_dead_worker(where):
    """What the user's own functions raise in a worker is not taken for the end of the worker."""
    loader = CellMapDataLoader(Toy(), num_workers=1, **{where: explode})
    with loader, pytest.raises(RuntimeError, match="boom") as caught:
        list(loader)
    assert not isinstance(caught.value, WorkerDiedError)


class Budget(Toy):
    """Its noise is the budget of the process that reads."""

    def read_batch(self, indices, allocate):
        samples = super().read_batch(indices, allocate)
        return [sample | {"budget": storage.cache_budget()} for sample in samples]


def test_workers_share_the_budget_for_decoded_chunks():
    """The cache budget holds for the tree of processes: each worker gets its part."""
    storage.set_cache_budget(64 << 20)
    try:
        with CellMapDataLoader(Budget(), batch_size=2, num_workers=2) as loader:
            assert {one for batch in loader for one in batch["budget"]} == {32 << 20}
    finally:
        storage.set_cache_budget(None)
