"""What a user gets from ``pip install``: read from a wheel that is built here."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from email import message_from_bytes
from email.message import Message

import pytest
from packaging.version import Version

import cellmap_data
from tests.packaging.checkout import PACKAGES, ROOT, copy_checkout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel of a copy of the sources, so that no earlier build can leak into it."""
    source, target = copy_checkout(tmp_path_factory.mktemp("source")), tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(target),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = target.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def read_dist_info(wheel: zipfile.ZipFile, name: str) -> bytes:
    (path,) = (path for path in wheel.namelist() if path.endswith(f".dist-info/{name}"))
    return wheel.read(path)


@pytest.fixture
def metadata(wheel: zipfile.ZipFile) -> Message:
    return message_from_bytes(read_dist_info(wheel, "METADATA"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Name", "cellmap-data"),
        ("Version", cellmap_data.__version__),
        ("Requires-Python", ">=3.11"),
        ("License-Expression", "BSD-3-Clause"),
        ("License-File", "LICENSE"),
        ("Description-Content-Type", "text/markdown"),
    ],
)
def test_metadata(metadata: Message, field: str, value: str) -> None:
    """A field that setup.cfg drops without a word is missed here."""
    assert metadata.get_all(field) == [value]


def test_version_is_by_calendar() -> None:
    """Clients ask for a release of 2026.2 or later."""
    version = Version(cellmap_data.__version__)
    assert version >= Version("2026.11")
    assert 1 <= version.minor <= 12


def test_extras_and_requirements(metadata: Message) -> None:
    """The extras exist, and torch is required as a range: no one's build of torch is replaced."""
    assert set(metadata.get_all("Provides-Extra", [])) == {
        "dask",
        "demo",
        "figs",
        "lightning",
        "s3",
        "test",
        "testing",
    }
    required = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    names = {line.split(">")[0].strip() for line in required}
    assert {"numpy", "pluggy", "tensorstore", "torch", "typer", "zarr"} <= names
    assert not any("==" in line for line in required)


def test_classifiers_name_only_what_is_tested(metadata: Message) -> None:
    """No Python version or system is promised that the checks have not run on."""
    classifiers = metadata.get_all("Classifier", [])
    promises = {
        c for c in classifiers if c.startswith(("Programming Language :: Python :: 3.", "Operating System"))
    }
    pythons = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)}
    assert promises == pythons | {"Operating System :: POSIX :: Linux"}
    assert "Typing :: Typed" in classifiers


def test_entry_points(wheel: zipfile.ZipFile) -> None:
    """The command, and the four plugins as anyone else's are found: by entry point."""
    parser = ConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(read_dist_info(wheel, "entry_points.txt").decode())
    assert dict(parser["console_scripts"]) == {"cellmap-data": "cellmap_data.cli:main"}
    plugins = dict(parser["cellmap_data.plugins"])
    assert set(plugins) == {"prefetch", "augmentation", "device_transfer", "memory_optimization"}
    assert all(target.startswith("cellmap_data_plugins_builtin.") for target in plugins.values())


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_a_package_is_shipped(wheel: zipfile.ZipFile, package: str) -> None:
    """Both import packages are whole, with the marker that lets type checkers read them."""
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")}
    shipped = set(wheel.namelist())
    assert here - shipped == set()
    assert f"{package}/py.typed" in shipped


def test_nothing_else_is_shipped(wheel: zipfile.ZipFile) -> None:
    """Tests, benchmarks and examples stay at home."""
    assert {name.split("/")[0].split("-")[0] for name in wheel.namelist()} == set(PACKAGES)
