"""Whether a bundle may take the place of an earlier one of the same city.

Who asks: the node, before it takes a bundle, and the operator, before the node is asked (`yrdx bundle diff`).
"""

from __future__ import annotations

from certs.bundle import SignedBundle


def refused_succession(old: SignedBundle, new: SignedBundle) -> str | None:
    """Say why a bundle does not continue an earlier one: an older one, a forked one, another key's.

    Args:
        old: What stands.
        new: The same bundle again, or what claims to be a later version.

    Returns:
        The reason, for people; None when it continues it.
    """
    city, before, after = old.bundle.city, old.bundle.version, new.bundle.version
    left_out = {key.key_id for key in old.bundle.signing_keys} - {key.key_id for key in new.bundle.signing_keys}
    refusals = {
        f"the bundle is that of {new.bundle.city}, and {city} stands here": new.bundle.city != city,
        f"partner {city} stands here under another bundle key: compare fingerprints by telephone": (
            new.fingerprint != old.fingerprint
        ),
        f"bundle version {after} is older than version {before}, which stands here": after < before,
        f"another bundle of version {after} stands here: one of the two is forged": (
            after == before and new.digest != old.digest
        ),
        f"bundle version {after} does not continue the version that stands here": (
            after == before + 1 and new.bundle.previous != old.digest
        ),
        f"bundle version {after} leaves out a signing key: old evidence needs the old keys": bool(left_out),
    }
    return next((reason for reason, broken in refusals.items() if broken), None)
