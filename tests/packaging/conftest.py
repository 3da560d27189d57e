"""The Debian package, and one that is older; and a homeserver for what is in them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.homeserver import Homeserver

from .clean_root import CleanRoot

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def package() -> Path:
    made = subprocess.run([TOP / "scripts/package"], stdout=subprocess.PIPE, text=True)
    assert made.returncode == 0
    return Path(made.stdout.split()[-1])


@pytest.fixture(scope="session")
def older_package(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same program by a lower version: no other has been given away yet."""
    folder = tmp_path_factory.mktemp("older")
    configuration = TOP / "build/release/CPackConfig.cmake"
    command = ["cpack", "--config", configuration, "-B", folder, "-D", "CPACK_PACKAGE_VERSION=0.0.1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.deb"))


@pytest.fixture
def root(tmp_path: Path) -> CleanRoot:
    if os.geteuid() != 0:
        pytest.skip("only root can make a clean root")
    path = tmp_path / "root"
    path.mkdir()
    # Of a folder that pytest keeps for its owner alone; who runs in there is somebody else.
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return CleanRoot(path)


@pytest.fixture
def homeserver() -> Iterator[Homeserver]:
    homeserver = Homeserver()
    homeserver.start()
    yield homeserver
    homeserver.stop()
