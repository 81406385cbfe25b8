"""Batches, records and evidence: protobuf ↔ domain.

Not checked here: signatures, roots, sizes and order (the exchange), and what is inside a record (the gate).
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

from services.domain.batch import Batch, Record, Signed
from services.domain.errors import Malformed
from services.domain.limits import Limits
from services.domain.receipt import Rejection, Violation
from services.ports.channel import DescribedAgreement, Description, ReceiptedBatch
from services.ports.content import Contents
from services.wire.times import time_from_pb, time_to_pb
from yrdx.exchange.v1 import exchange_pb2

_MESSAGE_BYTES_FLOOR: Final = 8_388_608
_FRAME_BYTES_MAX: Final = 16
"""Tags and lengths of one record around its salt and body."""

_salt_and_body = attrgetter("salt", "body")


def message_bytes_max(limits: Limits) -> int:
    """Return how large one gRPC message may be: two full batches with everything around their records.

    Two, because a page of ``ListReceipts`` in the full view holds two. Never below 8 MiB, so that what is over a
    batch's limit by little is refused with a reason and not by the transport.
    """
    batch = limits.batch_bytes_max + limits.batch_records_max * _FRAME_BYTES_MAX
    return max(_MESSAGE_BYTES_FLOOR, 2 * batch)


def signed_to_pb(signed: Signed) -> exchange_pb2.Signed:
    """Return signed bytes as they travel."""
    return exchange_pb2.Signed(content=signed.content, key_id=signed.key_id, signature=signed.signature)


def signed_from_pb(pb: exchange_pb2.Signed) -> Signed:
    """Return signed bytes, verbatim."""
    return Signed(pb.content, pb.key_id, pb.signature)


def add_records(target: RepeatedCompositeFieldContainer[exchange_pb2.Record], records: Iterable[Record]) -> None:
    """Append records to a message's field, where they are built in place (handing over a list copies each)."""
    add = target.add
    for salt, body in records:
        add(salt=salt, body=body)


def records_from_pb(pb: Iterable[exchange_pb2.Record]) -> list[Record]:
    """Return records, verbatim; the loop stays in C (a third of a microsecond each)."""
    return list(map(Record._make, map(_salt_and_body, pb)))


def batch_to_pb(batch: Batch) -> exchange_pb2.Batch:
    """Return a batch as it travels."""
    pb = exchange_pb2.Batch(
        header=signed_to_pb(batch.signed_header),
        original_receipt=signed_to_pb(batch.original_receipt) if batch.original_receipt else None,
    )
    add_records(pb.records, batch.records)
    return pb


def batch_from_pb(pb: exchange_pb2.Batch, contents: Contents) -> Batch:
    """Return a batch with its header read.

    Raises:
        Malformed: The header breaks the contract.
    """
    signed = signed_from_pb(pb.header)
    receipt = signed_from_pb(pb.original_receipt) if pb.HasField("original_receipt") else None
    return Batch(contents.header_from_bytes(signed.content), signed, records_from_pb(pb.records), receipt)


def receipted_to_pb(batch: ReceiptedBatch) -> exchange_pb2.ReceiptedBatch:
    """Return a batch with its evidence as it travels."""
    pb = exchange_pb2.ReceiptedBatch(
        header=signed_to_pb(batch.signed_header), receipt=signed_to_pb(batch.receipt), leaves=batch.leaves
    )
    add_records(pb.records, batch.records)
    return pb


def receipted_from_pb(pb: exchange_pb2.ReceiptedBatch) -> ReceiptedBatch:
    """Return a batch with its evidence."""
    return ReceiptedBatch(signed_from_pb(pb.header), signed_from_pb(pb.receipt), pb.leaves, records_from_pb(pb.records))


def rejection_to_pb(rejection: Rejection) -> exchange_pb2.Rejection:
    """Return a refused record's place and reason as it travels."""
    violation = rejection.violation
    return exchange_pb2.Rejection(
        sequence=rejection.sequence,
        field_path=violation.field_path,
        rule_id=violation.rule_id,
        reason=violation.reason,
    )


def rejection_from_pb(pb: exchange_pb2.Rejection) -> Rejection:
    """Return a refused record's place and reason."""
    return Rejection(pb.sequence, Violation(pb.field_path, pb.rule_id, pb.reason))


def limits_to_pb(limits: Limits) -> exchange_pb2.DescribeResponse.Limits:
    """Return what a node accepts, as it says so."""
    return exchange_pb2.DescribeResponse.Limits(
        batch_records_max=limits.batch_records_max,
        batch_bytes_max=limits.batch_bytes_max,
        record_bytes_max=limits.record_bytes_max,
        batches_in_flight_max=limits.batches_in_flight_max,
    )


def description_to_pb(description: Description) -> exchange_pb2.DescribeResponse:
    """Return what a partner said, for this city's own operators."""
    return exchange_pb2.DescribeResponse(
        city=description.city,
        software=description.software,
        datasets=[
            exchange_pb2.DescribeResponse.Dataset(name=name, standards=standards)
            for name, standards in description.datasets
        ],
        agreements=[
            exchange_pb2.DescribeResponse.Agreement(**agreement._asdict()) for agreement in description.agreements
        ],
        limits=limits_to_pb(description.limits),
        node_time=time_to_pb(description.node_time),
        keystore_generation=description.keystore_generation,
        keystore_fingerprint=description.keystore_fingerprint,
    )


def description_from_pb(pb: exchange_pb2.DescribeResponse) -> Description:
    """Return what a partner says about itself.

    Raises:
        Malformed: Its limits are below what every node must accept, or its clock cannot be.
    """
    return Description(
        city=pb.city,
        software=pb.software,
        datasets=tuple((dataset.name, tuple(dataset.standards)) for dataset in pb.datasets),
        agreements=tuple(
            DescribedAgreement(a.id, a.version, a.provider, a.consumer, a.dataset, a.standard) for a in pb.agreements
        ),
        limits=_limits_from_pb(pb.limits),
        node_time=time_from_pb(pb.node_time),
        keystore_generation=pb.keystore_generation,
        keystore_fingerprint=pb.keystore_fingerprint,
    )


def _limits_from_pb(pb: exchange_pb2.DescribeResponse.Limits) -> Limits:
    try:
        return Limits(
            batch_records_max=pb.batch_records_max,
            batch_bytes_max=pb.batch_bytes_max,
            record_bytes_max=pb.record_bytes_max,
            batches_in_flight_max=pb.batches_in_flight_max,
        )
    except ValueError as error:
        raise Malformed(f"the partner describes itself wrongly: {error}") from error
