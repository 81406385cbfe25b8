from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from certs.drop import drop_files
from certs.errors import KeystoreBroken, Reason
from certs.generation import Generation, issue_generation, issue_leaves
from certs.keystore import create_keystore, install_generation, load_generation, renewed_files, rollback_generation
from certs.offline import load_authority
from services.domain.errors import Conflict
from services.node.home import Home
from services.node.keys import UsableKeys, usable_keys
from services.node.rotation import Rotation
from services.node.settings import Settings
from tests.unit.certs.forgery import DAY, NANTONG, NOW


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        """The instant it was moved to."""
        return self.time

    def monotonic_s(self) -> float:
        """Seconds since the beginning."""
        return (self.time - NOW).total_seconds()


class SeededRandom:
    """Jitter that repeats."""

    def __init__(self) -> None:
        self._random = Random(1)

    def salts(self, count: int) -> list[bytes]:
        """Not asked for here."""
        raise AssertionError(count)

    def bits(self, count: int) -> int:
        """Not asked for here."""
        raise AssertionError(count)

    def uniform(self, low: float, high: float) -> float:
        """A number between two bounds."""
        return self._random.uniform(low, high)


class Scene:
    """A home, a clock, and what the node was told to use."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.clock = HandClock()
        self.used: list[Generation] = []
        first = create_keystore(home, NANTONG, now=NOW, random=os.urandom)
        self.rotation = self.rotation_of(UsableKeys(first, None))

    def rotation_of(self, keys: UsableKeys) -> Rotation:
        """Begin with some keys."""
        return Rotation(
            self.home,
            keys.generation,
            passphrase=None,
            clock=self.clock,
            random=SeededRandom(),
            apply=self._use,
            refused=keys.refused,
        )

    async def _use(self, generation: Generation) -> None:
        self.used.append(generation)

    async def look(self, days: float = 0.0) -> None:
        """Move the clock and look."""
        self.clock.time += timedelta(days=days)
        await self.rotation.look()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A node with its first generation."""
    return Scene(tmp_path)


async def test_nothing_happens_while_nothing_changes(scene: Scene) -> None:
    """Looking costs names and sizes."""
    for _ in range(5):
        await scene.look(days=10)
    assert scene.used == []


async def test_leaves_are_renewed_after_two_thirds_of_their_life(scene: Scene) -> None:
    """Before anybody is alarmed, and once."""
    await scene.look(days=59)
    await scene.look(days=5)
    await scene.look()
    assert [one.number for one in scene.used] == [2]
    assert scene.used[0].not_after > NOW + 150 * DAY
    assert scene.rotation.generation.number == 2


async def test_renewal_without_the_authoritys_key_is_tried_again_and_told(scene: Scene) -> None:
    """The key is offline: the reason stands, nothing is tried every second, and with the key back it works."""
    offline = scene.home / "certs" / "offline"
    offline.rename(scene.home / "medium")
    await scene.look(days=65)
    assert scene.rotation.refusal is not None
    assert scene.rotation.refusal.reason == "OFFLINE_KEY_ABSENT"
    (scene.home / "medium").rename(offline)
    await scene.look()
    assert scene.used == []
    await scene.look(days=1)
    assert [one.number for one in scene.used] == [2]
    assert scene.rotation.refusal is None


async def test_a_drop_is_taken_and_a_bad_one_is_told(scene: Scene) -> None:
    """Once it settled; what is refused leaves what is loaded."""
    leaves = issue_leaves(load_authority(scene.home), now=NOW, random=os.urandom)
    drop_files(scene.home, {"gateway.pem": leaves["gateway.pem"][:-30]})
    await scene.look()
    await scene.look()
    assert scene.rotation.refusal is not None
    assert scene.rotation.refusal.reason == "CERTIFICATE_MALFORMED"
    assert scene.used == []
    drop_files(scene.home, leaves)
    await scene.look()
    await scene.look()
    assert [one.number for one in scene.used] == [2]
    assert scene.rotation.refusal is None


async def test_another_hand_moves_the_symlink(scene: Scene) -> None:
    """A generation that a command installed, then a rollback."""
    files = renewed_files(scene.home, load_authority(scene.home), now=NOW, random=os.urandom)
    install_generation(scene.home, files, now=NOW)
    await scene.look()
    rollback_generation(scene.home, now=NOW)
    await scene.look()
    assert [one.number for one in scene.used] == [2, 1]


async def test_a_current_generation_torn_in_place_is_not_used(scene: Scene) -> None:
    """What is loaded stays, and the operator's reload says why."""
    with (scene.home / "certs/current/gateway.pem").open("ab") as file:
        file.write(b"x")
    await scene.look()
    assert scene.used == []
    with pytest.raises(Conflict, match="MANIFEST_MISMATCH"):
        await scene.rotation.reload()


async def test_a_disk_that_fails_refuses_and_stops_nothing(scene: Scene) -> None:
    """An error of the operating system is told like any other refusal; the node goes on with what is loaded."""
    authority, generation = load_authority(scene.home), scene.rotation.generation
    drop_files(scene.home, issue_generation(authority, generation.signing_key, now=NOW, random=os.urandom))
    (scene.home / "certs" / "gen").rename(scene.home / "certs" / "moved")
    (scene.home / "certs" / "gen").write_bytes(b"")
    await scene.look()
    await scene.look()
    assert scene.rotation.refusal is not None
    assert scene.used == []


async def test_reload_takes_a_drop_at_once(scene: Scene) -> None:
    """An operator does not wait for files to settle."""
    drop_files(scene.home, issue_leaves(load_authority(scene.home), now=NOW, random=os.urandom))
    await scene.rotation.reload()
    assert [one.number for one in scene.used] == [2]
    assert load_generation(scene.home, now=NOW).number == 2


async def test_a_node_that_started_with_an_older_generation_says_why(tmp_path: Path) -> None:
    """What is wrong with the current one stays told until one is taken."""
    scene = Scene(tmp_path)
    files = renewed_files(tmp_path, load_authority(tmp_path), now=NOW, random=os.urandom)
    install_generation(tmp_path, files, now=NOW)
    torn = tmp_path / "certs" / "current" / "gateway.pem"
    whole = torn.read_bytes()
    torn.write_bytes(whole[:100])
    keys = usable_keys(Home(tmp_path), Settings(city=NANTONG, dialect="local", listen="127.0.0.1:1"), now=NOW)
    assert keys.generation.number == 1

    rotation = scene.rotation_of(keys)

    refusal = rotation.refusal
    assert refusal is not None
    assert refusal.reason == "MANIFEST_MISMATCH"
    assert "generation 1 is used" in refusal.message
    await rotation.look()
    assert scene.used == []
    torn.write_bytes(whole)
    await rotation.look()
    assert [one.number for one in scene.used] == [2]
    assert rotation.refusal is None


def test_a_home_without_any_good_generation_has_no_keys(tmp_path: Path) -> None:
    """The reason is that of the current one."""
    create_keystore(tmp_path, NANTONG, now=NOW, random=os.urandom)
    (tmp_path / "certs" / "current" / "gateway.key").unlink()
    with pytest.raises(KeystoreBroken) as broken:
        usable_keys(Home(tmp_path), Settings(city=NANTONG, dialect="local", listen="127.0.0.1:1"), now=NOW)
    assert broken.value.reason is Reason.KEYSTORE_UNREADABLE
