"""What goes wrong with files and rows, Chinese for the clerks, English beside. Never holds what a cell says."""

from __future__ import annotations

from typing import Final

REASONS: Final[dict[str, str]] = {
    "file.missing": "文件不存在 / there is no such file",
    "file.not_a_file": "不是普通文件 / not a regular file",
    "file.unreadable": "无权读取该文件 / the file may not be read",
    "file.empty": "文件为空 / the file is empty",
    "file.kind": "这是{kind}文件，不是 CSV / this is {kind}, not CSV",
    "file.encoding": (
        "文件编码应为 {expected}，实为 {found}：第 {offset} 字节为 0x{byte:02X}"
        " / the encoding must be {expected} but is {found}: byte 0x{byte:02X} at offset {offset}"
    ),
    "header.missing": "第一行不是表头 / the first row is not the header",
    "header.syntax": "表头无法读取 / the header cannot be read",
    "header.doubled": "表头有重复的列 / a column stands twice in the header",
    "header.unknown": "表头有未知的列 / the header has an unknown column",
    "header.lacking": "表头缺少列 / the header lacks a column",
    "csv.encoding": (
        "第 {offset} 字节 0x{byte:02X} 不符合编码 {encoding} / byte 0x{byte:02X} at offset {offset} is not {encoding}"
    ),
    "csv.nul": "第 {offset} 字节为 NUL / NUL byte at offset {offset}",
    "csv.cells": "应为 {expected} 列，实为 {found} 列 / {expected} cells expected, {found} found",
    "csv.truncated": "文件在此行中断 / the file breaks off in this row",
    # The csv module takes quoted cells of up to 131072 characters.
    "csv.quotes": "引号不成对、位置不对，或其中内容过长 / quotes are unpaired, misplaced, or enclose too much",
    "csv.line_break": "单元格内有未加引号的回车 / a bare carriage return inside a cell",
    "csv.too_long": "一行超过 {most} 字节 / a row longer than {most} bytes",
    "sink.encoding": "编码 {encoding} 写不出该字符 / {encoding} cannot hold a character of this cell",
    "sink.nul": "CSV 写不出 NUL 字符 / CSV cannot hold NUL",
}
"""Every rule of the CSV adapters by its stable name."""


class FileRefused(Exception):
    """A file as a whole is refused; nothing of it was taken.

    Args:
        file: Its name.
        rule_id: A key of ``REASONS``.
        row: Row as people count, the header is row 1; None where no row is meant.
        column: Name of the column; empty where none is meant.
        byte_offset: From the file's start; None where no byte is meant.
        facts: What the reason's text names.
    """

    def __init__(
        self,
        file: str,
        rule_id: str,
        *,
        row: int | None = None,
        column: str = "",
        byte_offset: int | None = None,
        **facts: object,
    ) -> None:
        super().__init__(file, rule_id)
        self.file = file
        self.rule_id = rule_id
        self.row = row
        self.column = column
        self.byte_offset = byte_offset
        self.reason = REASONS[rule_id].format(offset=byte_offset, **facts)

    def __str__(self) -> str:
        where = [self.file, f"row {self.row}" if self.row else "", f"column {self.column}" if self.column else ""]
        return f"{', '.join(filter(None, where))}: {self.reason} [{self.rule_id}]"


class RowNotWritten(Exception):
    """A row cannot be written to a file; the rows before it stand.

    Args:
        row: Row as people count, the header is row 1.
        column: Name of the column.
        rule_id: A key of ``REASONS``.
        facts: What the reason's text names.
    """

    def __init__(self, row: int, column: str, rule_id: str, **facts: object) -> None:
        super().__init__(row, column, rule_id)
        self.row = row
        self.column = column
        self.rule_id = rule_id
        self.reason = REASONS[rule_id].format(**facts)

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column}: {self.reason} [{self.rule_id}]"
