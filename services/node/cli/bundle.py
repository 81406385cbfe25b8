"""`yrdx bundle`: this city's statement about itself, for its partners."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.node.cli.verbs import HERE, HomeOption, JsonOption, group, verb
from services.node.home import Home
from services.node.output import print_fields, print_json, print_result, say

if TYPE_CHECKING:
    from certs.bundle import SignedBundle
    from certs.signing import PublicSigningKey

app = group("本市信任包 · this city's bundle")

STDOUT = Path("-")


@verb(
    app,
    "export",
    "导出本市信任包并显示指纹 · write this city's bundle and show its fingerprint",
    "yrdx bundle export --home A -o a.bundle",
    more="文件不含秘密；指纹请通过电话念给对方核对 · the file holds no secret; read the fingerprint out by telephone",
)
def export(
    out: Annotated[Path, typer.Option("-o", "--out", help="文件，- 为标准输出 · file, - for stdout")],
    home: HomeOption = HERE,
    json: JsonOption = False,
) -> None:
    """Write the bundle in force."""
    from services.node.keys import passphrase_of
    from services.node.settings_file import load_settings
    from services.node.system import SystemClock

    place = Home(home)
    settings = load_settings(place)
    signed = current_bundle(
        place, settings.advertised, now=SystemClock().now(), passphrase=passphrase_of(place, settings)
    )
    if out == STDOUT:
        sys.stdout.buffer.write(signed.data)
        say(signed.fingerprint)
        return
    out.write_bytes(signed.data)
    out.chmod(0o644)  # made to be handed out
    if json:
        print_json(
            {
                "city": signed.bundle.city,
                "version": signed.bundle.version,
                "file": str(out),
                "fingerprint": signed.fingerprint,
            }
        )
        return
    print_result(signed.fingerprint)
    say(f"请把 {out} 发给对方，并在电话里逐组念出以上指纹；对方运行：")
    say(f"send {out} to the partner and read the fingerprint out by telephone, group by group; the partner runs:")
    say(f"  yrdx partner add {out.name} --endpoint {signed.bundle.endpoint} --fingerprint …")


@verb(
    app,
    "show",
    "显示一个信任包 · show what a bundle says",
    "yrdx bundle show sh.bundle",
)
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="信任包 · bundle")], json: JsonOption = False
) -> None:
    """Show a bundle."""
    from certs.bundle import read_bundle

    fields = bundle_fields(read_bundle(file.read_bytes()))
    print_json(fields) if json else print_fields({name: str(value) for name, value in fields.items()})


@verb(
    app,
    "diff",
    "比较两个信任包 · what changed between two bundles",
    "yrdx bundle diff old.bundle new.bundle",
    more="同时检查是否为同一密钥、同一城市、链接相续 · also whether the second continues the first",
)
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="旧信任包 · the former bundle")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="新信任包 · the later bundle")],
    json: JsonOption = False,
) -> None:
    """Compare bundles."""
    from certs.bundle import read_bundle

    tell_changes(*(read_bundle(path.read_bytes()) for path in (old, new)), json=json)


def tell_changes(old: SignedBundle, new: SignedBundle, *, json: bool) -> bool:
    """Tell what a bundle changes, and return whether it may take the place of the one before."""
    from certs.succession import refused_succession

    before, after = bundle_fields(old), bundle_fields(new)
    changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    refusal = refused_succession(old, new)
    if json:
        print_json({"continues": refusal is None, "refusal": refusal, "changes": changes})
        return refusal is None
    if not changes:
        say("两者相同 · both are the same bundle")
        return True
    print_fields({name: f"{a} → {b}" for name, (a, b) in changes.items()})
    say(f"不相承接 · it does NOT continue: {refusal}" if refusal else "后者承接前者 · the second continues the first")
    return refusal is None


def bundle_fields(signed: SignedBundle) -> dict[str, Any]:
    """Return what a bundle says, for people and programs."""
    from certs.inventory import fingerprint_of
    from certs.pem import certificate_from_pem

    bundle = signed.bundle
    return {
        "city": bundle.city,
        "version": bundle.version,
        "digest": signed.digest,
        "previous": bundle.previous,
        "fingerprint": signed.fingerprint,
        "endpoint": bundle.endpoint,
        "authorities": {
            fingerprint_of(certificate_from_pem(one.certificate_pem))[:16]: one.state.value
            for one in bundle.authorities
        },
        "signing_keys": [key.key_id for key in bundle.signing_keys],
        "gateway_leaves": [fingerprint_of(certificate_from_pem(pem))[:16] for pem in bundle.gateway_leaves],
    }


def current_bundle(home: Home, endpoint: str, *, now: datetime, passphrase: bytes | None = None) -> SignedBundle:
    """Return the city's bundle: the last one while it still says what stands here, else its next version.

    Args:
        home: The home.
        endpoint: Address to tell partners.
        now: Present instant.
        passphrase: Opens encrypted keys.

    Raises:
        KeystoreBroken: The key store, or the offline bundle key when a new version is due.
    """
    from certs.bundle import bundle_to_bytes, read_bundle
    from certs.keystore import load_generation
    from certs.offline import load_bundle_key, next_signing_key
    from certs.rollover import load_authorities

    generation = load_generation(home.path, now=now, passphrase=passphrase)
    last = read_bundle(home.bundle.read_bytes()) if home.bundle.exists() else None
    draft = generation.bundle(
        version=last.bundle.version + 1 if last else 1,
        previous=last.digest if last else None,
        endpoint=endpoint,
        created_at=now,
        authorities=load_authorities(home.path, generation.own_roots, now=now).bundle_authorities(),
    )
    coming = next_signing_key(home.path, passphrase)
    stated = dict.fromkeys((*draft.signing_keys, *([coming.public] if coming else ())))
    draft = replace(draft, signing_keys=_kept_keys(last, tuple(stated), now))
    if last and last.bundle == replace(
        draft, version=last.bundle.version, previous=last.bundle.previous, created_at=last.bundle.created_at
    ):
        return last
    data = bundle_to_bytes(draft, load_bundle_key(home.path, passphrase))
    written = home.temporary / "city.bundle"
    written.write_bytes(data)
    written.replace(home.bundle)
    return read_bundle(data)


def _kept_keys(
    last: SignedBundle | None, present: tuple[PublicSigningKey, ...], now: datetime
) -> tuple[PublicSigningKey, ...]:
    """No signing key ever leaves a bundle: what it signed is verified with it for ever."""
    used = {key.public_key for key in present}
    former = [key for key in last.bundle.signing_keys if key.public_key not in used] if last else []
    return (*present, *(key if key.retired_at else replace(key, retired_at=now) for key in former))
