from __future__ import annotations

import errno

import pysqlite3.dbapi2 as sqlite
import pytest

from adapters.samples import SizeRefused
from adapters.tables import FileRefused
from certs.errors import KeystoreBroken, ProbeFailed, Reason, TrustError
from services.domain import errors
from services.node.exits import CommandFailed, Exit, Fault, Interrupted, Mistake, fault_of, nearest, resumable
from services.node.home import HomeMissing
from services.rpc.server import AddressTaken
from services.store.errors import MigrationsPending, UnsafeDatabase


def sqlite_locked() -> Exception:
    """What SQLite raises while another holds its lock."""
    error: Exception = sqlite.OperationalError("database is locked")
    vars(error)["sqlite_errorcode"] = sqlite.SQLITE_BUSY
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotFound("x"), Exit.NOT_FOUND),
        (errors.AgreementMissing("x"), Exit.NOT_PERMITTED),
        (errors.PartnerUnknown("x"), Exit.NOT_PERMITTED),
        (errors.Unauthenticated("x"), Exit.NOT_PERMITTED),
        (errors.Unavailable("x"), Exit.PARTNER_UNAVAILABLE),
        (errors.PartnerPaused("x"), Exit.PARTNER_UNAVAILABLE),
        (errors.Diverged("x"), Exit.FAILURE),
        (errors.Malformed("x"), Exit.FAILURE),
        (errors.StoreFailed("x"), Exit.FAILURE),
        (MigrationsPending(["0001"]), Exit.FAILURE),
        (KeystoreBroken(Reason.KEYSTORE_MISSING, "x"), Exit.NOT_FOUND),
        (KeystoreBroken(Reason.KEY_EXPOSED, "x"), Exit.FAILURE),
        (ProbeFailed(Reason.SERVER_UNREACHABLE, "x"), Exit.PARTNER_UNAVAILABLE),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.csv"), Exit.NOT_FOUND),
        (PermissionError(errno.EACCES, "Permission denied", "a.csv"), Exit.NOT_PERMITTED),
        (OSError(errno.ENOSPC, "No space left on device"), Exit.FAILURE),
        (UnsafeDatabase("x"), Exit.FAILURE),
        (AddressTaken("x"), Exit.FAILURE),
        (FileRefused("a.csv", "csv.nul"), Exit.FAILURE),
        (FileRefused("a.csv", "file.missing"), Exit.NOT_FOUND),
        (FileRefused("a.csv", "file.unreadable"), Exit.NOT_PERMITTED),
        (sqlite_locked(), Exit.PARTNER_UNAVAILABLE),
        (Mistake("x"), Exit.USAGE),
        (SizeRefused("x"), Exit.USAGE),
        (HomeMissing("x"), Exit.NOT_FOUND),
    ],
)
def test_every_foreseen_error_has_its_exit_code(error: Exception, code: Exit) -> None:
    """Programs branch on the code, so each kind of error ends with the documented one."""
    fault = fault_of(error)

    assert fault is not None
    assert fault.code is code


def test_errors_of_the_store_and_the_server_have_reasons_of_their_own() -> None:
    """A class that crosses no wire is named by its class."""
    taken, pending = fault_of(AddressTaken("x")), fault_of(MigrationsPending(["0001"]))

    assert taken is not None
    assert taken.reason == "ADDRESS_TAKEN"
    assert pending is not None
    assert pending.reason == "MIGRATIONS_PENDING"
    assert "yrdx db migrate" in pending.message


def test_the_documented_codes_stay_as_they_are() -> None:
    """Scripts of the cities hold these numbers."""
    assert [int(code) for code in Exit] == [0, 1, 2, 3, 4, 5, 6, 7, 130]


def test_a_fault_keeps_the_reason_of_the_wire() -> None:
    """The same word names an error in ErrorInfo, in logs and in --json."""
    assert fault_of(errors.AgreementMissing("none")) == Fault("AGREEMENT_MISSING", "none", Exit.NOT_PERMITTED)
    assert fault_of(TrustError(Reason.BUNDLE_ALTERED, "cut")) == Fault("BUNDLE_ALTERED", "cut", Exit.FAILURE)


def test_a_full_disk_is_named_without_a_file() -> None:
    """An error of the system that names no file is still told in its own words."""
    assert fault_of(OSError(errno.ENOSPC, "No space left on device")) == Fault(
        "ENOSPC", "No space left on device", Exit.FAILURE
    )


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("110101199003070018"), RuntimeError("x")])
def test_nobody_foresaw_the_rest(error: Exception) -> None:
    """An error that is not ours is a bug: its text is never taken for an answer."""
    assert fault_of(error) is None


def test_interrupted_work_names_the_command_that_resumes() -> None:
    """Ctrl-C inside resumable work ends with 130 and says how to go on."""
    with pytest.raises(Interrupted) as caught, resumable(lambda: "yrdx sync resume"):
        raise KeyboardInterrupt

    assert (caught.value.code, caught.value.resume) == (Exit.INTERRUPTED, "yrdx sync resume")
    assert "yrdx sync resume" in str(caught.value)


def test_errors_inside_resumable_work_pass_unchanged() -> None:
    """Only Ctrl-C is translated."""
    with pytest.raises(CommandFailed, match="as it was"), resumable(lambda: "yrdx sync resume"):
        raise CommandFailed("as it was")


def test_the_nearest_name_is_the_one_that_was_meant() -> None:
    """A typing error leads to the name it came from."""
    assert nearest("leese_s", ["city", "lease_s", "probe_s"]) == "lease_s"
    assert nearest("", ["city"]) == "city"
