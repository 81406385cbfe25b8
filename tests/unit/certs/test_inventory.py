from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from certs.act_log import ActLog
from certs.errors import KeystoreBroken, Reason
from certs.inventory import Alert, alert_at, bundle_entries, expiring, own_entries, renewal_time
from certs.keystore import create_keystore
from tests.unit.certs.forgery import DAY, NANTONG, NOW


@pytest.mark.parametrize(
    ("left", "alert"),
    [
        (31, Alert.OK),
        (29, Alert.NOTICE),
        (14, Alert.WARNING),
        (7, Alert.CRITICAL),
        (0, Alert.CRITICAL),
        (-1, Alert.EXPIRED),
    ],
)
def test_alerts_scale_with_life(left: int, alert: Alert) -> None:
    """A third, a sixth, a twelfth of 90 days, and of 90 minutes alike."""
    assert alert_at(NOW, NOW + 90 * DAY, NOW + (90 - left) * DAY) is alert
    minute = timedelta(minutes=1)
    assert alert_at(NOW, NOW + 90 * minute, NOW + (90 - left) * minute) is alert


def test_renewal_comes_at_two_thirds_and_a_little_spread() -> None:
    """Before the first alert, never after it."""
    assert renewal_time(NOW, NOW + 90 * DAY, 0.0) == NOW + 60 * DAY
    assert NOW + 63 * DAY < renewal_time(NOW, NOW + 90 * DAY, 1.0) < NOW + 64 * DAY


def test_inventory_lists_ours_and_a_partners(tmp_path: Path) -> None:
    """Every leaf and authority once, the first to end first among those that end soon."""
    generation = create_keystore(tmp_path, NANTONG, now=NOW, random=os.urandom)
    ours = list(own_entries(generation))
    assert [(one.usage, one.city) for one in ours] == [
        (usage, NANTONG) for usage in ("gateway", "system", "operator", "authority")
    ]
    bundle = generation.bundle(version=1, previous=None, endpoint=None, created_at=NOW)
    theirs = list(bundle_entries(bundle))
    assert [(one.usage, one.state) for one in theirs] == [("gateway", ""), ("authority", "ACTIVE")]
    assert {one.fingerprint for one in theirs} <= {one.fingerprint for one in ours}
    assert [one.usage for one in expiring(ours, now=NOW, within=91 * DAY)] == ["gateway", "system", "operator"]


def test_the_log_of_acts_is_a_chain(tmp_path: Path) -> None:
    """Every line names the one before; who, what, when and the approvals come back as written."""
    log = ActLog(tmp_path / "acts.log")
    assert list(log.acts()) == []
    log.append("cert.renew", "leaf", by="spiffe://320600.yrdx/operator/local", now=NOW, details={"a": "b"})
    log.append("revoke.leaf", "ab12", by="node", now=NOW, approvals=["one", "two"])
    first, second = log.acts()
    assert (first.act, first.details, second.approvals) == ("cert.renew", {"a": "b"}, ["one", "two"])
    assert (tmp_path / "acts.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("harm", ["changed", "removed", "torn"])
def test_a_log_that_was_touched_is_told(tmp_path: Path, harm: str) -> None:
    """A line changed, taken out or cut short is found."""
    path = tmp_path / "acts.log"
    log = ActLog(path)
    for number in range(3):
        log.append("act", str(number), by="node", now=NOW)
    lines = path.read_bytes().splitlines(keepends=True)
    harmed = {
        "changed": [lines[0].replace(b'"0"', b'"9"'), *lines[1:]],
        "removed": [lines[0], lines[2]],
        "torn": [lines[0], lines[1][:50]],
    }
    path.write_bytes(b"".join(harmed[harm]))
    with pytest.raises(KeystoreBroken, match="line 2") as refused:
        list(log.acts())
    assert refused.value.reason is Reason.ACT_LOG_ALTERED
