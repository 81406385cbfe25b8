"""The keys that a node does not need to run: its authority's and its bundle's, meant for a medium kept offline."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from certs.authority import Authority, authority_from_pem
from certs.errors import CertificateRefused, KeystoreBroken, Reason
from certs.keystore_files import make_folder, read_file, replace_file, sync_folder, write_file
from certs.sealing import open_key, sealed
from certs.signing import SigningKey

_FOLDER: Final = "certs"

_OFFLINE_README: Final = """\
离线密钥  Offline keys

ca.key      本市证书签发机构的私钥：签发新证书时才需要。
            The city's authority: needed only to issue certificates.
bundle.key  本市信任包的签名私钥：对方核对的指纹就是它的指纹。
            Signs the city's bundle: partners compare its fingerprint.
ca.pem      签发机构的证书，不是秘密。 The authority's certificate, no secret.

节点运行时不读取这些文件。请把它们移到离线介质并另存一份备份，需要时再放回原处。
The node does not read these files to run. Move them to a medium that is kept offline, with a second
copy elsewhere, and put them back here when one of the above is due.
任何拿到 ca.key 的人都能冒充本市。 Whoever has ca.key can pass for this city.
"""


def keystore_folder(home: Path) -> Path:
    """Where a home's key store is."""
    return home / _FOLDER


def load_authority(home: Path, passphrase: bytes | None = None) -> Authority:
    """Read the city's authority, if its key is on this machine.

    Raises:
        KeystoreBroken: OFFLINE_KEY_ABSENT, or what is wrong with the files.
    """
    return read_authority(keystore_folder(home) / "offline", passphrase)


def read_authority(folder: Path, passphrase: bytes | None = None) -> Authority:
    """Read an authority from ``ca.pem`` and ``ca.key`` of any folder: a medium that is kept offline.

    Raises:
        KeystoreBroken: OFFLINE_KEY_ABSENT, or what is wrong with the files.
    """
    certificate, key = _read_offline(folder / "ca.pem"), _read_offline(folder / "ca.key")
    try:
        return authority_from_pem(certificate, open_key(key, passphrase))
    except CertificateRefused as error:
        raise KeystoreBroken(error.reason, f"{folder / 'ca.pem'}: {error}") from error


def load_bundle_key(home: Path, passphrase: bytes | None = None) -> SigningKey:
    """Read the key that signs the city's bundle, if it is on this machine.

    Raises:
        KeystoreBroken: OFFLINE_KEY_ABSENT, or what is wrong with the file.
    """
    pem = _read_offline(keystore_folder(home) / "offline" / "bundle.key")
    return SigningKey.from_pem(open_key(pem, passphrase))


def next_signing_key(home: Path, passphrase: bytes | None = None) -> SigningKey | None:
    """Read the signing key that partners learn of before it is used; None while no change of it is under way.

    Raises:
        KeystoreBroken: What is wrong with the file.
    """
    path = _next_signing_key(home)
    return SigningKey.from_pem(open_key(read_file(path), passphrase)) if path.exists() else None


def make_next_signing_key(home: Path, passphrase: bytes | None = None) -> SigningKey:
    """Return the signing key that comes next; one that an interrupted change left is gone on with."""
    known = next_signing_key(home, passphrase)
    if known is not None:
        return known
    key = SigningKey.generate()
    replace_file(_next_signing_key(home), sealed(key.to_pem(), passphrase))
    return key


def forget_next_signing_key(home: Path) -> None:
    """Remove it, once a generation holds it."""
    _next_signing_key(home).unlink(missing_ok=True)


def write_offline(offline: Path, authority: Authority, bundle_key: SigningKey, passphrase: bytes | None) -> None:
    """Make the offline folder of a new city."""
    make_folder(offline)
    write_file(offline / "README.txt", _OFFLINE_README.encode("utf-8"))
    write_authority(offline, authority, passphrase)
    write_file(offline / "bundle.key", sealed(bundle_key.to_pem(), passphrase))
    sync_folder(offline)


def write_authority(folder: Path, authority: Authority, passphrase: bytes | None = None) -> None:
    """Write ``ca.pem`` and ``ca.key`` into an existing folder; never over another authority.

    Raises:
        KeystoreBroken: KEYSTORE_EXISTS.
    """
    if (folder / "ca.key").exists() or (folder / "ca.pem").exists():
        raise KeystoreBroken(Reason.KEYSTORE_EXISTS, f"{folder} holds an authority already: keys are never overwritten")
    write_file(folder / "ca.pem", authority.certificate_pem())
    write_file(folder / "ca.key", sealed(authority.key_pem(), passphrase))
    sync_folder(folder)


def _next_signing_key(home: Path) -> Path:
    return keystore_folder(home) / "offline" / "next-signing.key"


def _read_offline(path: Path) -> bytes:
    if not path.exists():
        raise KeystoreBroken(
            Reason.OFFLINE_KEY_ABSENT,
            f"{path} is not on this machine: put it back from where it is kept for as long as this takes",
        )
    return read_file(path)
