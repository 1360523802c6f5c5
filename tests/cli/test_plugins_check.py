"""``cellmap-data plugins check``: one plugin, looked at closely."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.cli.test_plugins import MISSPELT, NEEDS, RAISES, TALKS, refusal_of

REPEATS = """
from cellmap_data.errors import ConfigurationError

def make(**options):
    raise ConfigurationError(f"made with {options!r}")
"""


def test_a_good_plugin_passes(command, install):
    """It says what the plugin is, then every promise and how its test ended, and leaves nothing out."""
    install("needy", {"needy": ":Plugin"}, module=NEEDS)
    code, out, _ = command("plugins", "check", "needy", "--option", "strength=2")
    assert code == 0
    assert out.startswith("needy of needy 1.2\nnumber 0; post_sample\n")
    first_words = [line.split()[0] for line in out.splitlines()[3:-2]]
    assert set(first_words) == {"passed", "skipped"}
    counts = f"{first_words.count('passed')} passed, {first_words.count('skipped')} skipped"
    assert out.splitlines()[-1] == counts


@pytest.mark.usefixtures("acme")
def test_a_plugin_that_fails_does_not_pass(command):
    """Each failed test is named, and what it failed of is there in full once; JSON has it each time."""
    done = command("plugins", "check", "acme.fails", "--json")
    assert done.code == 1
    result = json.loads(done.out)
    assert (result["passed"], result["refused"], result["hooks"]) == (False, "", ["post_sample"])
    failures = [outcome for outcome in result["outcomes"] if outcome["failure"]]
    assert any("ValueError: boom" in outcome["failure"] for outcome in failures)
    code, out, _ = command("plugins", "check", "acme.fails")
    assert code == 1
    assert out.count("\nfailed ") == len(failures)
    assert all(f"(test_{outcome['name']})" in out for outcome in failures)
    first = failures[0]
    assert all(line in out for line in first["failure"].splitlines())
    assert out.count("got:      ValueError: boom") == 1
    assert out.count(f"the same as in test_{first['name']}") == len(failures) - 1


@pytest.mark.parametrize(
    "module", [RAISES, MISSPELT, NEEDS], ids=["fails at import", "misspelt hook", "needs options"]
)
def test_a_refused_plugin_does_not_pass(command, install, module):
    """The whole refusal is there."""
    install("broken", {"broken.one": ":Plugin"}, module=module)
    code, out, err = command("plugins", "check", "broken.one")
    assert (code, err) == (1, "")
    assert refusal_of("broken.one") in out
    result = json.loads(command("plugins", "check", "broken.one", "--json").out)
    assert (result["passed"], result["refused"]) == (False, refusal_of("broken.one"))


def test_a_name_of_two_distributions_is_refused(command, install, acme):
    """Which of them was meant is not guessed."""
    install("other", {"acme.class": ":Adds"}, version="3.4")
    code, out, _ = command("plugins", "check", "acme.class")
    assert (code, refusal_of("acme.class") in out) == (1, True)


@pytest.mark.usefixtures("acme")
def test_an_unknown_name_is_an_error_with_the_nearest(command):
    """On stderr, nothing on stdout."""
    code, out, err = command("plugins", "check", "acme.klass", "--json")
    assert (code, out) == (1, "")
    assert "did you mean 'acme.class'?" in err


@pytest.mark.parametrize(
    ("text", "made_with"),
    [
        ("strength=2", {"strength": 2}),
        ("strength=0.5", {"strength": 0.5}),
        ('keys=["raw"]', {"keys": ["raw"]}),
        ("on=true", {"on": True}),
        ("colour=red", {"colour": "red"}),
        ("rule=a=b", {"rule": "a=b"}),
        ("name=", {"name": ""}),
    ],
)
def test_options_are_json_or_text(command, install, text, made_with):
    """What is no JSON is taken as it is."""
    install("repeats", {"repeats": ":make"}, module=REPEATS)
    assert f"made with {made_with!r}" in command("plugins", "check", "repeats", "--option", text).out


def test_several_options_are_given_one_by_one(command, install):
    """The last of a name counts."""
    install("repeats", {"repeats": ":make"}, module=REPEATS)
    options = ["--option", "a=1", "--option", "b=2", "--option", "a=3"]
    assert "made with {'a': 3, 'b': 2}" in command("plugins", "check", "repeats", *options).out


@pytest.mark.parametrize("text", ["strength", "=2"])
def test_an_option_without_key_or_value_is_wrong_usage(command, text):
    """The plugin is not even looked for."""
    assert command("plugins", "check", "no such plugin", "--option", text).code == 2


def test_what_workers_print_is_not_mixed_with_the_result(install, tmp_path):
    """They import the plugin as well, and write to the file of the command."""
    install("talks", {"talks": ""}, module=TALKS)
    code = "from cellmap_data.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "plugins", "check", "talks", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "talks"), os.getcwd()])},
    )
    assert json.loads(done.stdout)["name"] == "talks", done.stderr
    assert done.stderr.count("thank you for the music") > 1
