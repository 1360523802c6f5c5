"""A plugin that writes down every hook that fires, from whichever process."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from cellmap_data.hookspecs import hookimpl


class Recorder:
    """Appends one line for each call: hook, what it was about, whether in the main process and thread."""

    name = "recorder"
    priority = 1000  # asked first, so it hears of first-result hooks that others answer

    def __init__(self, path: Path) -> None:
        self.path, self.pid = path, os.getpid()

    def note(self, hook, about=""):
        home = os.getpid() == self.pid
        main = threading.current_thread() is threading.main_thread()
        with self.path.open("a") as file:
            file.write(f"{hook}|{about}|{'home' if home else 'worker'}|{'main' if main else 'thread'}\n")

    @hookimpl
    def pre_batch(self, indices):
        self.note("pre_batch", list(map(int, indices)))

    @hookimpl
    def load_samples(self, indices):
        self.note("load_samples", list(map(int, indices)))

    @hookimpl
    def post_sample(self, sample, index):
        assert int(sample["idx"]) == index
        self.note("post_sample", int(index))
        return sample

    @hookimpl
    def allocate_batch(self):
        self.note("allocate_batch")

    @hookimpl
    def post_collate(self, batch):
        self.note("post_collate", batch["idx"].tolist())
        return batch

    @hookimpl
    def post_batch(self, batch):
        self.note("post_batch", batch["idx"].tolist())

    @hookimpl
    def pre_epoch(self, epoch):
        self.note("pre_epoch", epoch)

    @hookimpl
    def post_epoch(self, epoch):
        self.note("post_epoch", epoch)

    @hookimpl
    def setup_worker(self, worker_id):
        self.note("setup_worker", worker_id)

    @hookimpl
    def teardown_worker(self, worker_id):
        self.note("teardown_worker", worker_id)

    def lines(self, *hooks):
        """What was noted so far about some hooks: (hook, about, process, thread)."""
        text = self.path.read_text() if self.path.exists() else ""
        rows = [tuple(line.split("|")) for line in text.splitlines()]
        return [row for row in rows if not hooks or row[0] in hooks]

    def calls(self, hook):
        """What the calls of one hook were about, in order."""
        return [row[1] for row in self.lines(hook)]
