"""Export: accepted records as a file of the city's own dialect, frames among them, or as the standard in JSON lines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

from google.protobuf.json_format import MessageToDict

from adapters.frames.rows import FrameContext
from adapters.mapping import NotExpressible, load_mapping
from adapters.tables import RowNotWritten, open_sink
from services.node.exits import Mistake
from services.node.session import NodeSession
from services.node.sync.inputs import layout_of
from services.wire.datasets import load_datasets
from yrdx.node.v1 import node_pb2
from yrdx.types.v1 import types_pb2

_TABLES: Final = (".csv", ".xlsx", ".jtt808", ".jtt809")
SUFFIXES: Final = (*_TABLES, ".jsonl")


def export_inbox(session: NodeSession, dialect: str, dataset: str, path: Path, history: bool) -> int:
    """Write the inbox of a dataset to a file that appears whole or not at all.

    Args:
        session: Session with the node.
        dialect: Dialect of all but ``.jsonl``.
        dataset: Dataset.
        path: ``….csv`` or ``….xlsx`` for the dialect, ``….jtt808`` or ``….jtt809`` for its positions as frames,
            ``….jsonl`` for the standard.
        history: Every record, also those that a newer one replaced or withdrew; otherwise the present state.

    Returns:
        Records written.

    Raises:
        Mistake: Another suffix; or the dialect, or the file, has no way to say a record: nothing is written.
        FileRefused: The dataset is not that of such frames.
    """
    if path.suffix not in SUFFIXES:
        raise Mistake(f"-o: 文件名应以下列之一结尾 · the file ends with one of {' '.join(SUFFIXES)}")
    records = inbox_records(session, dataset, history=history)
    if path.suffix in _TABLES:
        return _write_table(path, session.settings.city, dialect, dataset, records)
    return _write_jsonl(path, dataset, records)


def inbox_records(
    session: NodeSession, dataset: str, *, history: bool
) -> Iterator[tuple[str, node_pb2.ExportInboxResponse.Entry, types_pb2.RecordBody]]:
    """Yield (stream, entry, body) of accepted records, in order; without history only what is not withdrawn."""
    request = node_pb2.ExportInboxRequest(dataset=dataset, history=history)
    for page in session.stub.ExportInbox(request):
        for entry in page.entries:
            body = types_pb2.RecordBody.FromString(entry.body)
            if history or body.operation == types_pb2.OPERATION_UPSERT:
                yield page.stream, entry, body


def _write_table(path: Path, city: str, dialect: str, dataset: str, records: Iterator[Any]) -> int:
    mapping = load_mapping(dialect, dataset)
    message_type = mapping.message_type
    layout = replace(layout_of(mapping), frames=FrameContext("", platform=int(city)))
    with open_sink(path, layout) as sink:
        for stream, entry, body in records:
            if body.operation != types_pb2.OPERATION_UPSERT:
                continue
            try:
                for row in mapping.from_standard_rows(message_type.FromString(body.message.value)):
                    sink.row(row)
            except (NotExpressible, RowNotWritten) as error:
                raise Mistake(f"{stream} {entry.epoch}/{entry.sequence}: {error}") from error
        return sink.rows


def _write_jsonl(path: Path, dataset: str, records: Iterator[Any]) -> int:
    datasets = load_datasets()
    message_type = datasets.find(dataset, datasets.standards(dataset)[-1]).message_class
    count = 0
    with NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:
        try:
            for stream, entry, body in records:
                message = message_type.FromString(body.message.value)
                line = {"@record": _envelope(stream, entry, body)} | MessageToDict(
                    message, preserving_proto_field_name=True
                )
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            Path(file.name).unlink()
            raise
    Path(file.name).replace(path)
    return count


def _envelope(stream: str, entry: node_pb2.ExportInboxResponse.Entry, body: types_pb2.RecordBody) -> dict[str, Any]:
    return {
        "stream": stream,
        "epoch": entry.epoch,
        "sequence": entry.sequence,
        "operation": types_pb2.Operation.Name(body.operation).removeprefix("OPERATION_"),
        "key": body.key.hex(),
        "real_data": body.real_data,
    }
