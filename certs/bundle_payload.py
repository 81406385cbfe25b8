"""A city bundle ↔ the JSON text that is signed.

Reading is strict: an unknown, missing, doubled or mistyped field refuses the bundle, since a reader
that skips what it does not know would trust something else than the city signed. A later form gets
another first line (`certs.bundle`).

Source:
    RFC 8259 (JSON); RFC 3339 (times, UTC).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NoReturn, TypeVar

from certs.bundle_model import AuthorityState, BundleAuthority, CityBundle
from certs.errors import BundleRefused, Reason, SignatureRefused
from certs.signing import PublicSigningKey

_BUNDLE_FIELDS: Final = frozenset(CityBundle.__dataclass_fields__)
_AUTHORITY_FIELDS: Final = frozenset({"state", "certificate"})
_KEY_FIELDS: Final = frozenset({"key_id", "algorithm", "public_key", "retired_at", "compromised_at"})

_Value = TypeVar("_Value")
_Object = dict[str, object]


def payload_from_bundle(bundle: CityBundle) -> bytes:
    """Write a bundle as JSON that a person can read: one field a line, ASCII, times in UTC."""
    fields = {
        "city": bundle.city,
        "version": bundle.version,
        "previous": bundle.previous,
        "created_at": _time_text(bundle.created_at),
        "endpoint": bundle.endpoint,
        "dns_names": list(bundle.dns_names),
        "authorities": [
            {"state": one.state.value, "certificate": one.certificate_pem.decode("ascii")} for one in bundle.authorities
        ],
        "signing_keys": [_key_fields(key) for key in bundle.signing_keys],
        "gateway_leaves": [pem.decode("ascii") for pem in bundle.gateway_leaves],
    }
    return json.dumps(fields, indent=1).encode("ascii") + b"\n"


def bundle_from_payload(payload: bytes) -> CityBundle:
    """Read a bundle; its rules are checked by `certs.bundle_model.verify_bundle`.

    Raises:
        BundleRefused: BUNDLE_MALFORMED, or KEY_WEAK for a signing key.
    """
    try:
        fields = json.loads(
            payload.decode("ascii"),
            object_pairs_hook=_object_once,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
        return _bundle(_object(fields, _BUNDLE_FIELDS))
    except (ValueError, RecursionError) as error:
        raise BundleRefused(
            Reason.BUNDLE_MALFORMED, f"the bundle's text is not as it must be: {_words(error)}"
        ) from error
    except SignatureRefused as error:
        raise BundleRefused(error.reason, f"a signing key is refused: {error}") from error


def _bundle(fields: _Object) -> CityBundle:
    return CityBundle(
        city=_text(fields, "city"),
        version=_whole_number(fields, "version"),
        previous=_optional(fields, "previous", _text),
        authorities=tuple(_authority(one) for one in _list(fields, "authorities")),
        signing_keys=tuple(_key(one) for one in _list(fields, "signing_keys")),
        gateway_leaves=tuple(pem.encode("ascii") for pem in _texts(fields, "gateway_leaves")),
        dns_names=_texts(fields, "dns_names"),
        endpoint=_optional(fields, "endpoint", _text),
        created_at=_time(fields, "created_at"),
    )


def _authority(value: object) -> BundleAuthority:
    fields = _object(value, _AUTHORITY_FIELDS)
    state = _text(fields, "state")
    if state not in AuthorityState.__members__:
        raise ValueError("state of an authority is unknown")
    return BundleAuthority(_text(fields, "certificate").encode("ascii"), AuthorityState(state))


def _key(value: object) -> PublicSigningKey:
    fields = _object(value, _KEY_FIELDS)
    key = PublicSigningKey(
        public_key=bytes.fromhex(_text(fields, "public_key")),
        retired_at=_optional(fields, "retired_at", _time),
        compromised_at=_optional(fields, "compromised_at", _time),
        algorithm=_text(fields, "algorithm"),
    )
    if _text(fields, "key_id") != key.key_id:
        raise ValueError("key_id does not belong to its public_key")
    return key


def _key_fields(key: PublicSigningKey) -> dict[str, str | None]:
    return {
        "key_id": key.key_id,
        "algorithm": key.algorithm,
        "public_key": key.public_key.hex(),
        "retired_at": _optional_time_text(key.retired_at),
        "compromised_at": _optional_time_text(key.compromised_at),
    }


def _object(value: object, names: frozenset[str]) -> _Object:
    if not isinstance(value, dict) or value.keys() != names:
        raise ValueError(f"an object must have exactly the fields {', '.join(sorted(names))}")
    return value


def _text(fields: _Object, name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not value.isascii():
        raise ValueError(f"{name} must be an ASCII text")
    return value


def _whole_number(fields: _Object, name: str) -> int:
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number")
    return value


def _list(fields: _Object, name: str) -> list[object]:
    value = fields[name]
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list")
    return value


def _texts(fields: _Object, name: str) -> tuple[str, ...]:
    return tuple(_text({name: one}, name) for one in _list(fields, name))


def _time(fields: _Object, name: str) -> datetime:
    text = _text(fields, name)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{name} must be an RFC 3339 time") from error
    if not text.endswith("Z"):
        raise ValueError(f"{name} must be in UTC and end in Z")
    return time


def _time_text(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError("times in a bundle must carry their zone")
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _optional_time_text(time: datetime | None) -> str | None:
    return None if time is None else _time_text(time)


def _optional(fields: _Object, name: str, read: Callable[[_Object, str], _Value]) -> _Value | None:
    return None if fields[name] is None else read(fields, name)


def _object_once(pairs: list[tuple[str, object]]) -> _Object:
    """JSON leaves a doubled name to the reader (RFC 8259 section 4): two readers, two bundles."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands twice")
    return fields


def _refuse_number(_text: str) -> NoReturn:
    raise ValueError("numbers must be whole")


def _words(error: Exception) -> str:
    """What was wrong, without the text itself: json and the codecs quote what they choke on."""
    if isinstance(error, RecursionError | json.JSONDecodeError | UnicodeError):
        return "not JSON in ASCII"
    return str(error)
