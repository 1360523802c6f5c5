"""Packages with plugins, from ``pip install`` to ``pip uninstall``, in virtual environments of their own.

The packages lie in ``plugins/``: a good one, one that cannot be imported, one with a misspelt hook, and one
that took the name of the good one's plugin. What a person reads about the last three is in ``golden/``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.golden import compare
from tests.packaging.environment import Environment

GOLDEN = Path(__file__).parent / "golden"
DEFAULT = ["prefetch", "augmentation", "device_transfer", "memory_optimization"]
WRONG = {"acme.denoise": {"radius": 9, "arrys": ["raw"]}}


def next_step(text: str) -> str:
    """The first of the commands that a message offers."""
    (found,) = re.findall(r"next: +(pip [\w -]+?)[,;]", text)
    return str(found)


@pytest.fixture(scope="module")
def environment(make_environment: Callable[..., Environment]) -> Environment:
    """One for the tests that change nothing: the good package beside two broken ones."""
    return make_environment("acme-denoise", "acme-deconvolve", "acme-sharpen")


@pytest.fixture(scope="module")
def listed(environment: Environment) -> dict[str, Any]:
    """What the command lists, by name; with broken plugins its exit code is 1."""
    done = environment.command("plugins", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    return {row["name"]: row for row in json.loads(done.stdout)}


def test_what_is_tested_is_what_was_installed(environment: Environment) -> None:
    """Neither the checkout nor the environment of the tests is in the way."""
    assert Path(environment.program("where.py")).is_relative_to(environment.root)


def test_an_installed_plugin_is_listed(listed: dict[str, Any]) -> None:
    """With its version, what it answers, and that nobody has enabled it."""
    assert listed["acme.denoise"] == {
        "name": "acme.denoise",
        "distribution": "acme-denoise",
        "version": "1.2.0",
        "hooks": ["post_sample", "setup_worker"],
        "priority": 0,
        "needs": [],
        "broken": "",
        "wanted": False,
        "enabled": False,
    }
    assert all(listed[name]["enabled"] for name in DEFAULT)


@pytest.mark.parametrize("name", ["acme.deconvolve", "acme.sharpen"])
def test_a_broken_plugin_is_listed_with_what_a_loader_would_say(
    name: str, listed: dict[str, Any], environment: Environment
) -> None:
    """The reason is the whole message; to ask for it is an error, on the command line without a traceback."""
    done = environment.command("plugins", "order", name)
    assert done.returncode == 1
    assert done.stderr.removeprefix("error: ") == listed[name]["broken"] + "\n"
    compare(GOLDEN / f"{name.removeprefix('acme.')}.txt", listed[name]["broken"])


def test_it_is_enabled_by_its_name_or_that_of_its_package(environment: Environment) -> None:
    """The broken ones beside it stop nothing; wrong options are refused, all of them at once."""
    enabled = environment.program("enable.py", ["acme.denoise"], ["Acme_Denoise"], ["acme.deniose"], WRONG)
    *right, misspelt, wrong = enabled
    assert right == [{"plugins": ["acme.denoise"]}] * 2
    assert misspelt["error"] == "UnknownPluginError"
    compare(GOLDEN / "misspelt.txt", misspelt["message"])
    assert wrong["error"] == "PluginRegistrationError"
    compare(GOLDEN / "options.txt", wrong["message"])


def test_its_wish_settles_the_order(environment: Environment) -> None:
    """It runs before a plugin with a higher number, and the report says why."""
    done = environment.command("plugins", "order", "acme-denoise", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = json.loads(done.stdout)["hooks"]["post_sample"]
    assert first == {
        "position": 1,
        "plugin": "acme.denoise",
        "distribution": "acme-denoise 1.2.0",
        "number": 0,
        "reason": "before 'augmentation'",
    }
    assert (second["plugin"], second["number"]) == ("augmentation", 50)


def test_it_is_timed_and_switched_in_workers_that_go_on(environment: Environment) -> None:
    """The report has every call; what it does stops and begins again within an epoch, in the same workers."""
    seen = environment.program("train.py", [{"acme.denoise": {"radius": 2}}], "acme.denoise")
    costs = {cost["hook"]: cost for cost in seen["report"]["plugins"] if cost["plugin"] == "acme.denoise"}
    assert {hook: cost["calls"] for hook, cost in costs.items()} == {"post_sample": 80, "setup_worker": 2}
    assert all(cost["seconds"] > 0 for cost in costs.values())

    before, during, after = seen["workers"]
    assert len(before) == 2
    assert before == during == after
    loudest, switched = max(seen["undisturbed"]), seen["switched"]
    # The workers have begun a few batches ahead of the one that is trained on.
    assert max(switched[:4] + switched[30:]) < 2 * loudest < min(switched[14:20])


def test_an_error_of_it_arrives_from_a_worker(environment: Environment) -> None:
    """With the plugin, hook, distribution, crop and draw as fields, and all of them in the message."""
    failure = environment.program("train.py", [{"acme.denoise": {"arrays": ["em"]}}], "acme.denoise")
    culprit = {field: failure[field] for field in ("plugin", "hook", "distribution")}
    assert culprit == {
        "plugin": "acme.denoise",
        "hook": "post_sample",
        "distribution": "acme-denoise 1.2.0",
    }
    assert (failure["epoch"], failure["k"]) == (0, 0)
    assert isinstance(failure["seed"], int)
    assert f"{failure['index']} (epoch 0, draw 0)" in failure["message"]
    assert "crop-7" in failure["crop"]
    assert failure["crop"] in failure["message"]
    assert failure["cause"] == "ValueError: there is no array 'em' to denoise"
    compare(GOLDEN / "error_in_worker.txt", failure["message"])


def test_the_command_in_the_message_repairs_it(make_environment: Callable[..., Environment]) -> None:
    """A file that was cut off is told, and what the message says to type brings it back."""
    environment = make_environment("acme-denoise")
    environment.module("acme_denoise").write_text("from acme_den")
    (damaged,) = environment.program("enable.py", ["acme.denoise"])
    compare(GOLDEN / "damaged.txt", damaged["message"])

    environment.pip(next_step(damaged["message"]))
    assert environment.program("enable.py", ["acme.denoise"]) == [{"plugins": ["acme.denoise"]}]


def test_from_a_second_package_of_the_same_name_to_the_end(
    make_environment: Callable[..., Environment],
) -> None:
    """Both are named until one is uninstalled; the other then works, and is unknown when it goes too."""
    environment = make_environment("acme-denoise", "lab-denoise", "acme-sharpen")
    doubled, by_package = environment.program("enable.py", ["acme.denoise"], ["lab-denoise"])
    compare(GOLDEN / "same_name.txt", doubled["message"])
    assert by_package == {"plugins": ["acme.denoise"]}  # as the message says

    environment.pip(next_step(doubled["message"]))
    assert environment.program("enable.py", ["acme.denoise"]) == [{"plugins": ["acme.denoise"]}]

    environment.pip("pip uninstall lab-denoise")
    (gone,) = environment.program("enable.py", ["acme.denoise"])
    assert gone["error"] == "UnknownPluginError"
    compare(GOLDEN / "uninstalled.txt", gone["message"])
    rows = json.loads(environment.command("plugins", "--json").stdout)
    assert not any(row["name"] == "acme.denoise" for row in rows)
    assert any(row["name"] == "acme.sharpen" for row in rows)


def test_every_golden_file_is_compared() -> None:
    """None is left behind by a test that went."""
    broken = {"damaged", "deconvolve", "same_name", "sharpen"}
    others = {"error_in_worker", "misspelt", "options", "uninstalled"}
    assert {file.stem for file in GOLDEN.iterdir()} == broken | others
