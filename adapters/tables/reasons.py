"""What goes wrong with tables and rows, in words: Chinese for the clerks, English beside. Never what a cell says."""

from __future__ import annotations

from typing import Final

_FILES: Final = {
    "file.missing": "文件不存在 / there is no such file",
    "file.not_a_file": "不是普通文件 / not a regular file",
    "file.unreadable": "无权读取该文件 / the file may not be read",
    "file.empty": "文件为空 / the file is empty",
    "file.suffix": (
        "不支持该扩展名，请另存为 {known} 之一 / a file of this suffix is not read: save it as one of {known}"
    ),
    "file.no_widths": (
        "该方言未声明定长列宽；带分隔符的文本请用 .csv"
        " / the dialect declares no widths in bytes; delimited text is named .csv"
    ),
    "file.kind": "这是{kind}文件，不是 {expected} / this is {kind}, not {expected}",
    "file.encoding": (
        "文件编码应为 {expected}，实为 {found}：第 {offset} 字节为 0x{byte:02X}"
        " / the encoding must be {expected} but is {found}: byte 0x{byte:02X} at offset {offset}"
    ),
    "header.missing": "第一行不是表头 / the first row is not the header",
    "header.syntax": "表头无法读取 / the header cannot be read",
    "header.doubled": "表头有重复的列 / a column stands twice in the header",
    "header.unknown": "表头有未知的列 / the header has an unknown column",
    "header.lacking": "表头缺少列 / the header lacks a column",
}
_CSV: Final = {
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
}
_SINKS: Final = {
    "sink.encoding": "编码 {encoding} 写不出该字符 / {encoding} cannot hold a character of this cell",
    "sink.nul": "CSV 写不出 NUL 字符 / CSV cannot hold NUL",
}

REASONS: Final[dict[str, str]] = _FILES | _CSV | _SINKS
"""Every rule of the tables by its stable name."""
