"""A node's home: one folder that holds everything of one city's node.

    node.toml     settings; written last, so that a folder without it is no home
    certs/        key store; certs/offline/ belongs on another medium (`certs.keystore`)
    city.bundle   the city's statement as it was last exported
    acts.log      who did what to trust, append-only
    access.key    secret under which the access log keeps subjects (`services.node.access_key`)
    store.sqlite  the default store
    replaced-…/   the store before a restore
    rejects/      rejected rows in the shape of their source
    tmp/          work in progress, worthless after a crash
    metrics.prom  how the node stands, for Prometheus
    node.lock     held by whoever works in the home (`services.node.lock`)
    node.log      what the node wrote while nobody watched

Folders have mode 0700, files 0600: everything in a home is personal data or a key.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from services.node.exits import CommandFailed, Exit


class HomeMissing(CommandFailed):
    """The folder is no node's home."""

    reason: ClassVar[str] = "HOME_MISSING"
    code: ClassVar[Exit] = Exit.NOT_FOUND


class HomeExists(CommandFailed):
    """The folder holds something already; nothing in it is touched."""

    reason: ClassVar[str] = "HOME_EXISTS"


@dataclass(frozen=True, slots=True)
class Home:
    """Where things are in a home.

    Attributes:
        path: The folder.
    """

    path: Path

    @property
    def settings(self) -> Path:
        """Settings file."""
        return self.path / "node.toml"

    @property
    def certs(self) -> Path:
        """Key store."""
        return self.path / "certs"

    @property
    def offline(self) -> Path:
        """Keys that the running node does not need."""
        return self.certs / "offline"

    @property
    def bundle(self) -> Path:
        """The city's bundle as it was last exported."""
        return self.path / "city.bundle"

    @property
    def acts(self) -> Path:
        """Append-only log of acts on trust."""
        return self.path / "acts.log"

    @property
    def access_key(self) -> Path:
        """Secret under which the access log keeps subjects."""
        return self.path / "access.key"

    @property
    def store(self) -> Path:
        """Default store."""
        return self.path / "store.sqlite"

    @property
    def rejects(self) -> Path:
        """Folder for files of rejected rows."""
        return self.path / "rejects"

    @property
    def temporary(self) -> Path:
        """Folder for work in progress."""
        return self.path / "tmp"

    @property
    def metrics(self) -> Path:
        """Metrics file."""
        return self.path / "metrics.prom"

    @property
    def lock(self) -> Path:
        """Lock file."""
        return self.path / "node.lock"

    @property
    def log(self) -> Path:
        """Log file."""
        return self.path / "node.log"


def verify_home(home: Home) -> Home:
    """Return a home that was set up.

    Raises:
        HomeMissing: There is no ``node.toml`` in it.
    """
    if not home.settings.is_file():
        raise HomeMissing(
            f"{home.path} 不是节点目录 · is no node's home (it has no node.toml): name one with --home or YRDX_HOME, "
            "or create one with `yrdx init`"
        )
    return home


@contextmanager
def new_home(path: Path) -> Iterator[Home]:
    """Create a home and take back everything when filling it fails.

    The caller fills it and writes `Home.settings` last.

    Args:
        path: A folder that does not exist yet, or is empty.

    Raises:
        HomeExists: The folder holds something already.
    """
    home = Home(path)
    created = _claim(home)
    try:
        home.temporary.mkdir(mode=0o700)
        yield home
    except BaseException:  # Ctrl-C too: half a home would be refused by the next `yrdx init`
        _take_back(home, with_root=created)
        raise


def _claim(home: Home) -> bool:
    """Make the folder ours; the first `mkdir` in it decides between two at once.

    Returns:
        Whether the folder itself is new.
    """
    created = not home.path.exists()
    home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home.settings.exists():
        raise HomeExists(f"{home.path} 已是节点目录 · is a node's home already: keys are never overwritten")
    try:
        if any(home.path.iterdir()):
            raise FileExistsError
        home.rejects.mkdir(mode=0o700)
    except FileExistsError as error:
        raise HomeExists(
            f"{home.path} 不是空目录 · is not empty and no node's home: name another folder, or empty it if an "
            "interrupted `yrdx init` left it"
        ) from error
    home.path.chmod(0o700)
    return created


def _take_back(home: Home, *, with_root: bool) -> None:
    if with_root:
        shutil.rmtree(home.path)
        return
    for path in home.path.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
