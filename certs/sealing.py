"""Private keys under a passphrase: PKCS#8 encrypted with PBES2, scrypt and AES-256-CBC.

The ``cryptography`` package writes encrypted PKCS#8 with 2,048 rounds of PBKDF2 alone, which a graphics card tries by
the hundred thousand in a second; it reads scrypt. So the one envelope is written here, and read by the library.

Source:
    RFC 5958 section 3 (EncryptedPrivateKeyInfo); RFC 8018 appendix A.4 (PBES2); RFC 7914 sections 2 and 7 (scrypt).
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from certs.errors import KeystoreBroken, Reason
from certs.pem import PEM_BYTES_MAX, private_key_from_pem

# RFC 7914 section 2 with the cost that `openssl pkcs8 -scrypt` takes: 16 MiB and about 50 ms a guess.
SCRYPT_COST: Final = 2**14
_BLOCK_SIZE: Final = 8
_PARALLEL: Final = 1
_KEY_BYTES: Final = 32
_BLOCK_BYTES: Final = 16
_LINE: Final = 64

_PBES2: Final = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT: Final = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC: Final = bytes.fromhex("060960864801650304012a")

_ENCRYPTED: Final = re.compile(
    rb"-----BEGIN ENCRYPTED PRIVATE KEY-----\n[A-Za-z0-9+/\n]+={0,2}\n-----END ENCRYPTED PRIVATE KEY-----\n"
)


def is_sealed(pem: bytes) -> bool:
    """Whether a text is one encrypted private key as `seal_key` writes it, of any scheme."""
    return len(pem) <= PEM_BYTES_MAX and _ENCRYPTED.fullmatch(pem) is not None


def seal_key(key_pem: bytes, passphrase: bytes, *, random: Callable[[int], bytes]) -> bytes:
    """Encrypt a private key.

    Args:
        key_pem: Unencrypted PKCS#8, one PEM block.
        passphrase: At least one byte.
        random: Gives that many random bytes, for salt and initialisation vector.

    Returns:
        PEM block ``ENCRYPTED PRIVATE KEY``, as ``openssl pkey`` reads it.

    Raises:
        KeystoreBroken: KEY_MALFORMED.
        ValueError: The passphrase is empty.
    """
    if not passphrase:
        raise ValueError("a passphrase has at least one byte")
    plain = private_key_from_pem(key_pem).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    salt, vector = random(_BLOCK_BYTES), random(_BLOCK_BYTES)
    return _pem(_envelope(salt, vector, _encrypt(plain, _derived(passphrase, salt), vector)))


def sealed(key_pem: bytes, passphrase: bytes | None) -> bytes:
    """Return a key as it goes to disk: encrypted anew under a passphrase, as it is without one."""
    return key_pem if passphrase is None else seal_key(open_key(key_pem, passphrase), passphrase, random=os.urandom)


def open_key(pem: bytes, passphrase: bytes | None) -> bytes:
    """Return a private key as unencrypted PKCS#8; one that is not encrypted is returned as it is.

    Raises:
        KeystoreBroken: KEY_SEALED, KEY_UNOPENED or KEY_MALFORMED.
    """
    if not is_sealed(pem):
        return pem
    if passphrase is None:
        raise KeystoreBroken(Reason.KEY_SEALED, "the key is encrypted: name its passphrase's file as `passphrase_file`")
    try:
        key = serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeystoreBroken(
            Reason.KEY_UNOPENED, "the passphrase does not open the key, or the key is damaged"
        ) from error
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _derived(passphrase: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase, salt=salt, n=SCRYPT_COST, r=_BLOCK_SIZE, p=_PARALLEL, dklen=_KEY_BYTES)


def _encrypt(plain: bytes, key: bytes, vector: bytes) -> bytes:
    padder = padding.PKCS7(8 * _BLOCK_BYTES).padder()
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(vector)).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def _envelope(salt: bytes, vector: bytes, encrypted: bytes) -> bytes:
    numbers = _integer(SCRYPT_COST) + _integer(_BLOCK_SIZE) + _integer(_PARALLEL)
    derivation = _der(0x30, _SCRYPT + _der(0x30, _der(0x04, salt) + numbers))
    scheme = _der(0x30, _AES_256_CBC + _der(0x04, vector))
    algorithm = _der(0x30, _PBES2 + _der(0x30, derivation + scheme))
    return _der(0x30, algorithm + _der(0x04, encrypted))


def _integer(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _der(tag: int, content: bytes) -> bytes:
    """X.690 sections 8.1.2 and 8.1.3, definite form."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = b"\n".join(text[at : at + _LINE] for at in range(0, len(text), _LINE))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + lines + b"\n-----END ENCRYPTED PRIVATE KEY-----\n"
