"""Accounts are taken while hooks run, from any thread."""

from __future__ import annotations

import sys
import threading

import pytest

from cellmap_data.account import Account
from cellmap_data.plugins import PluginManager
from tests.plugins.actors import Appends, run


@pytest.fixture
def busy_switching():
    """Threads take turns a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("busy_switching")
def test_of_several_who_take_the_account_each_gets_a_part():
    """Nobody fails, and together they have every call once."""
    manager, done, parts, rounds = PluginManager(), threading.Event(), [], 4000
    manager.register_plugin(Appends("a"))

    def take():
        mine = Account()
        while not done.is_set():
            mine.add(manager.relay.take_account())
        parts.append(mine)

    takers = [threading.Thread(target=take) for _ in range(3)]
    for taker in takers:
        taker.start()
    for _ in range(rounds):
        run(manager)
    done.set()
    for taker in takers:
        taker.join()
    total = manager.relay.take_account()
    for part in parts:
        total.add(part)
    assert len(parts) == len(takers)
    assert total.costs["a", "post_sample"].calls == rounds
