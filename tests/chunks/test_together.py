"""Reads are done once, by whoever comes first."""

from __future__ import annotations

import threading
import time

import pytest

from cellmap_data.chunks import Team


def test_a_task_is_done_once_however_many_wait() -> None:
    """Threads that wait for the same task all return when it is done, and it is done once."""
    team, done, go = Team(), [], threading.Event()
    team.size = 1

    def work() -> None:
        go.wait()
        done.append(threading.get_ident())

    task = team.start(work)
    threads = [threading.Thread(target=task.result) for _ in range(4)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert len(done) == 1


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    """What a task raises reaches who waits for it, in whichever thread it ran."""
    for size in (1, 3):
        team = Team()
        team.size = size

        def work() -> None:
            raise OSError("gone")

        task = team.start(work)
        time.sleep(0.01 * (size > 1))
        with pytest.raises(OSError, match="gone"):
            task.result()


def test_threads_help_while_fewer_read_than_there_are_processors() -> None:
    """Of a team of three, two others begin at once; what is left waits for who asks for it."""
    team, go = Team(), threading.Event()
    team.size = 3
    begun = threading.Semaphore(0)

    def work() -> None:
        begun.release()
        go.wait()

    tasks = [team.start(work) for _ in range(5)]
    assert begun.acquire(timeout=60)
    assert begun.acquire(timeout=60)
    assert not begun.acquire(timeout=0.05)
    go.set()
    for task in tasks:
        task.result()


def test_a_team_of_one_starts_no_thread() -> None:
    """Where every processor has a reader already nobody helps, and the process may fork."""
    team = Team()
    team.size = 1
    before = threading.active_count()
    task = team.start(lambda: None)
    assert threading.active_count() == before
    assert not team.has_helpers
    task.result()
    team.size = 0  # a share of less than one processor
    assert team.size == 1
