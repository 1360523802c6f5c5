"""What docs/plugins.md promises, held against the code and run as it stands."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cellmap_data import hookspecs
from cellmap_data.hookspecs import CHAIN_HOOKS

ROOT = Path(__file__).parents[2]

HOOKS = {
    name: list(inspect.signature(function).parameters)
    for name, function in vars(hookspecs).items()
    if hasattr(function, f"{hookspecs.PROJECT_NAME}_spec")
}


@dataclass(frozen=True, slots=True)
class Block:
    """Code of the page: its language, and the file that the sentence before it names."""

    language: str
    code: str
    file: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading of the second or third level, and what stands below it."""

    title: str
    text: str

    def blocks(self) -> Iterator[Block]:
        """The code, in the order of the page."""
        for match in re.finditer(r"^```(\w+)\n(.*?)^```$", self.text, flags=re.DOTALL | re.MULTILINE):
            (sentence,) = self.text[: match.start()].rstrip().rsplit("\n\n", 1)[-1:]
            files = re.findall(r" `([\w/]+\.py)`", sentence)
            yield Block(match[1], match[2], files[0] if files else "")

    def program(self) -> str:
        """The Python code, as one piece."""
        return "\n".join(block.code for block in self.blocks() if block.language == "python")


def read_sections() -> dict[str, Section]:
    """The page by its headings; a comment in a block is no heading, for it has one sign."""
    parts = re.split(r"^###? (.+)$", (ROOT / "docs" / "plugins.md").read_text(), flags=re.MULTILINE)
    return {title: Section(title, text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}


SECTIONS = read_sections()
FIRST_PLUGIN = SECTIONS.pop("Your first plugin in ten minutes")
SHARED = SECTIONS.pop("What the examples share").program()
SIGNATURES = {
    match[1]: (match[2].split(", "), section)
    for title, section in SECTIONS.items()
    if (match := re.fullmatch(r"`(\w+)\((.*)\)`", title))
}
"""Hook -> its arguments according to the page, and its section."""


def test_every_hook_has_its_section() -> None:
    """The page tells of every hook and of none that does not exist, each with its arguments in order."""
    assert {hook: arguments for hook, (arguments, _) in SIGNATURES.items()} == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_the_kind_of_a_hook_is_told(hook: str) -> None:
    """Whether a hook is a chain, asks for a first result or only tells is said first."""
    first_result = getattr(hookspecs, hook).cellmap_data_spec["firstresult"]
    kind = "Chain" if hook in CHAIN_HOOKS else "First result" if first_result else "Notify"
    assert SIGNATURES[hook][1].text.strip().startswith(f"**{kind}**,")


@pytest.mark.parametrize("title", [title for title, section in SECTIONS.items() if section.program()])
def test_examples_run(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every example works below the lines that all share; that of a hook shows its own plugin at work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CELLMAP_DATA_TRACE", "1")
    program = SECTIONS[title].program()
    run_program(f"{SHARED}\n{program}")
    hook = title.strip("`").partition("(")[0]
    if hook in HOOKS:
        calls = re.findall(
            rf"^cellmap-data\[\d+\] {hook} (\w+)\(", capfd.readouterr().err, flags=re.MULTILINE
        )
        classes = re.findall(r"^class (\w+)", program, flags=re.MULTILINE)
        assert {name.replace("_", "").lower() for name in calls} & {name.lower() for name in classes}


def run_program(text: str) -> None:
    """Run it here, or as a program if it starts worker processes and says so: they import its main file."""
    if "__main__" not in text:
        exec(compile(text, "docs/plugins.md", "exec"), {"__name__": "example"})
        return
    Path("example.py").write_text(text)
    command = [sys.executable, "-W", "error", "example.py"]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """A new virtual environment that sees the packages of this one, so that nothing is downloaded."""
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "parent.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    command = home / "bin" / "cellmap-data"
    command.write_text(
        f"#!{home}/bin/python\nfrom cellmap_data.cli import main\n\nif __name__ == '__main__':\n    main()\n"
    )
    command.chmod(0o755)
    return os.environ | {
        "PATH": f"{home}/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this one the other way around: no isolation
    }


def test_the_first_plugin(tmp_path: Path, environment: Mapping[str, str]) -> None:
    """Who does what the page says, and nothing else, has a plugin that passes its checks and is used."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("*.egg-info"))
    steps = ["set -e"]
    for block in FIRST_PLUGIN.blocks():
        if block.language == "sh":
            steps.append(block.code)
        else:
            steps.append(f"cat > {block.file} <<'END OF FILE'\n{block.code}END OF FILE\n")
    done = subprocess.run(
        ["bash", "-c", "\n".join(steps)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    checked, used = done.stdout.split("yours.shot_noise of shot-noise 1.0.0\n")[1].split("torch.Size", 1)
    assert "number 40; post_sample" in checked
    assert "failed" not in checked
    assert re.search(r"yours\.shot_noise +post_sample +\d+", used)
