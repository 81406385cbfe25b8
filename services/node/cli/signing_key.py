"""`yrdx cert rotate-signing-key`: another key for batches and receipts, in use once every partner knows it.

Signed with a key that a partner's copy of our bundle does not name, a batch stops its stream. So the key is stated
first, acknowledged by every live partner, and only then used. The former one stays in the bundle as retired: what it
signed is verified with it for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.node.cli.ca_verbs import ExcludeOption
from services.node.cli.verbs import HERE, DryRunOption, HomeOption, JsonOption, verb
from services.node.output import print_json, say

if TYPE_CHECKING:
    import typer

    from certs.signing import SigningKey
    from services.node.cli.ring import Ring


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(
        app,
        "rotate-signing-key",
        "更换签名密钥 · use another signing key for batches and receipts",
        "yrdx cert rotate-signing-key --home A",
        "yrdx cert rotate-signing-key --home A --exclude 320500",
        more="先写入信任包，全部伙伴签字确认后才启用；旧密钥留在信任包中，旧签名始终可验证 · stated in the bundle "
        "first, used once every partner acknowledged it; the former key stays there, so old signatures stand for ever",
    )(rotate_signing_key)


def rotate_signing_key(
    home: HomeOption = HERE, exclude: ExcludeOption = None, dry_run: DryRunOption = False, json: JsonOption = False
) -> None:
    """Rotate the signing key."""
    from services.node.cli.readiness import distribute, require_nobody_breaks
    from services.node.cli.ring import open_ring
    from services.node.cli.trust_access import opened_home

    ring, excluded = open_ring(opened_home(home)), exclude or []
    before = after = ring.generation.signing_key.key_id
    if dry_run:
        require_nobody_breaks(distribute(ring, offer=False), excluded)
    else:
        with ring.place.act("signing_key.rotate", before, {"excluded": ",".join(excluded)}):
            after = rotate(ring, excluded).key_id
    if json:
        print_json({"dry_run": dry_run, "former": before, "key_id": after})
    else:
        say("可行，未改变 · would be done; nothing changed" if dry_run else f"已启用 · in use: {after}")


def rotate(ring: Ring, excluded: Sequence[str]) -> SigningKey:
    """State the next key, see it acknowledged, use it, and state the former one as retired; see the module.

    What is interrupted is done again and goes on with the same key.

    Args:
        ring: The home with its authorities.
        excluded: Partners that do not hold it up; they are paused.

    Raises:
        Conflict: A partner did not acknowledge it yet; it is named, and nothing is used.
    """
    from certs.keystore import current_number, install_generation, read_generation
    from certs.offline import forget_next_signing_key, make_next_signing_key
    from services.node.cli.readiness import distribute, pause, require_nobody_breaks

    place = ring.place
    path, passphrase = place.home.path, place.passphrase
    key = make_next_signing_key(path, passphrase)
    if key.key_id != ring.generation.signing_key.key_id:
        ring.publish()
        require_nobody_breaks(distribute(ring), excluded)
        pause(ring, excluded)
        files = read_generation(path, current_number(path), passphrase) | {"signing.key": key.to_pem()}
        install_generation(path, files, now=place.now, passphrase=passphrase)
        place.reload()
    forget_next_signing_key(path)
    ring.publish()
    return key
