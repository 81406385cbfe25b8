"""What goes wrong with tables and rows, in words: Chinese for the clerks, English beside. Never what a cell says."""

from __future__ import annotations

from typing import Final

from adapters.frames import errors as frames

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
    "file.frames_unsaid": (
        "帧中没有坐标系，JT/T 808 的帧也没有车牌：请用 --datum 和 --vehicles 说明"
        " / frames do not say their datum, and those of JT/T 808 not their vehicle: say --datum and --vehicles"
    ),
    "file.frames_columns": (
        "本方言的该数据集没有 {protocol} 帧的各列 / this dataset of the dialect does not have the columns of {protocol}"
    ),
    "file.card_unsaid": (
        "卡记录中没有卡号、发卡机构、卡类别、清算日期、批次和优惠金额：请用 --card 说明 / a card's records do not say"
        " its number, issuer, class and concession, nor day and batch of settlement: say them with --card"
    ),
    "file.card": (
        "卡说明表应有且只有一行，{columns} 各列都填写，优惠金额按本方言的写法"
        " / what is said of a card is one row with all of {columns}, the concession as this dialect writes amounts"
    ),
    "file.register": (
        "车辆登记表的行应有终端手机号、车牌号、车牌颜色代码，且终端不重复"
        " / a row of the register needs terminal, plate and colour by its code, each terminal once"
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
_FIXED: Final = {
    "fixed.length": "一行应为 {expected} 字节，实为 {found} 字节 / a row of {expected} bytes expected, {found} found",
    "fixed.truncated": (
        "文件在此行中断：应为 {expected} 字节，实为 {found} 字节"
        " / the file breaks off in this row: {expected} bytes expected, {found} found"
    ),
    "fixed.too_long": "一行超过 {most} 字节 / a row longer than {most} bytes",
    "fixed.nul": "第 {offset} 字节为 NUL / NUL byte at offset {offset}",
    "fixed.cut": (
        "列宽把一个字符截断：第 {offset} 字节 0x{byte:02X} 之后不完整"
        " / the width cuts a character: incomplete after byte 0x{byte:02X} at offset {offset}"
    ),
    "fixed.encoding": (
        "第 {offset} 字节 0x{byte:02X} 不符合编码 {encoding} / byte 0x{byte:02X} at offset {offset} is not {encoding}"
    ),
}
_DBF: Final = {
    "dbf.header": "DBF 文件头损坏 / the header of the DBF file is damaged",
    "dbf.size": (
        "文件头声明 {expected} 条记录，文件长度不符：传输中断或文件损坏"
        " / the header promises {expected} records, but the file's size does not fit: broken off or damaged"
    ),
    "dbf.type": "不支持字段类型 {type} / fields of type {type} are not read",
    "dbf.mark": "删除标记无效 / the deletion mark is neither a blank nor an asterisk",
    "dbf.encoding": "内容不符合编码 {encoding} / the content is not {encoding}",
    "dbf.nul": "内容含 NUL 字符 / the content holds NUL",
    "dbf.number": "不是数字，或数字超出字段宽度 / not a number, or one that did not fit its field",
    "dbf.precision": (
        "16 位以上的整数以浮点数存放，已失真 / an integer of 16 digits or more was kept as a float: digits are lost"
    ),
    "dbf.date": "不是有效日期 / not a date",
    "dbf.logical": "不是逻辑值 / not a logical value",
}
_EXCEL: Final = {
    "excel.damaged": "Excel 文件损坏或已加密 / the workbook is damaged or encrypted",
    "excel.too_large": (
        "工作簿超过上限（{what}：{found}，上限 {most}），请另存为 CSV"
        " / the workbook is over a limit ({what}: {found}, at most {most}): save it as CSV"
    ),
    "excel.sheet": "没有该工作表 / there is no such sheet",
    "excel.cells": "表头之外的列有内容 / there is something outside the header's columns",
    "excel.merged": "单元格被合并，只有第一格有值 / cells are merged: all but the first hold nothing",
    "excel.formula": (
        "公式没有计算结果，请在 Excel 中打开并保存 / a formula without its result: open the file in Excel and save it"
    ),
    "excel.error": "单元格是错误值 {error} / the cell holds the error {error}",
    "excel.number": "不是有效数字 / not a number",
    "excel.precision": (
        "16 位以上的数字以数值存放，Excel 已改动末尾数字；请按文本重新录入"
        " / a number of 16 digits or more: Excel has changed its last digits; enter it again as text"
    ),
    "excel.date": "不是有效日期 / not a date",
    "excel.kind": "单元格类型未知 / the cell is of an unknown kind",
}
_SQL: Final = {
    "sql.url": "数据库地址无法识别 / this is no SQLAlchemy URL",
    "sql.driver": "未安装数据库驱动 {driver} / the driver {driver} is not installed",
    "sql.unreachable": (
        "无法连接数据库，或用户名、口令有误（{code}）/ the database cannot be reached, or refuses the login ({code})"
    ),
    "sql.lost": "读取中数据库连接中断或忙（{code}）/ the database went away or is busy ({code})",
    "sql.failed": "数据库拒绝读取（{code}）/ the database refuses to be read ({code})",
    "sql.value": ("其后的行中有无法表示的值（{code}） / a row behind holds what no value can say ({code})"),
    "sql.table": "数据库中没有该表或视图 / the database has no such table or view",
    "sql.column": "表中没有该列 / the table has no such column",
    "sql.cursor": "断点与该列不符 / the cursor is none of this column",
    "sql.cursor_type": (
        "该列不能作断点：应为整数或日期时间 / this column can be no cursor: whole numbers, or dates with times"
    ),
    "sql.type": "不支持 {type} 类型的值 / values of type {type} are not read",
    "sql.date": "日期超出可表示的范围，例如 infinity / a date that no value can say, such as infinity",
    "sql.number": "不是有效数字 / not a number",
    "sql.precision": (
        "16 位以上的数字以浮点数存放，已失真 / a number of 16 digits or more was kept as a float: digits are lost"
    ),
}
_JSON: Final = {
    "json.url": (
        "接口地址须为 https（本机可用 http），且不含用户名和口令"
        " / the address must be https, or http to this machine, without user and password"
    ),
    "json.trust": "证书或密钥文件无法读取 / a file of certificates or its key cannot be read",
    "json.certificate": "接口的证书不可信（{code}）/ the interface's certificate is not trusted ({code})",
    "json.unreachable": "接口多次无应答（{code}）/ the interface does not answer, after several attempts ({code})",
    "json.status": "接口以状态 {status} 拒绝 / the interface refuses with status {status}",
    "json.too_large": "一页超过 {most} 字节，请减少每页行数 / a page longer than {most} bytes: ask for fewer rows",
    "json.syntax": "应答不是 UTF-8 编码的 JSON / the answer is not JSON in UTF-8",
    "json.envelope": "应答的结构或页码不符 / the answer has another structure or page number",
    "json.refused": "接口返回 {code}：{message} / the interface answers {code}: {message}",
    "json.changed": "读取中数据有变，请重新读取 / the data changed between two pages: read it again",
    "json.line": "该行不是 UTF-8 编码的 JSON / the line is not JSON in UTF-8",
    "json.line_too_long": "该行过长 / the line is too long",
    "json.nested": "明细列表的每一项应为不再嵌套的对象 / an item of a list must be an object with nothing inside",
    "json.row": "行不是对象 / the row is no object",
    "json.doubled": "行中有重复的列 / a column stands twice in the row",
    "json.lacking": "行缺少列 / the row lacks a column",
    "json.unknown": "行有未知的列 / the row has an unknown column",
    "json.type": "单元格不是文本、数字、逻辑值 / the cell is neither text nor number nor truth",
    "json.precision": (
        "16 位以上的数字以浮点数发送，已失真 / a number of 16 digits or more was sent as a float: digits are lost"
    ),
}
_FOLDERS: Final = {
    "folder.missing": "文件夹不存在 / there is no such folder",
    "folder.unreadable": "文件夹暂时无法读取 / the folder cannot be read now",
}
_SINKS: Final = {
    "sink.encoding": "编码 {encoding} 写不出该字符 / {encoding} cannot hold a character of this cell",
    "sink.nul": "表格写不出 NUL 字符 / no table can hold NUL",
    "sink.too_long": "超过 {most} 个字符，Excel 写不下 / more than {most} characters, more than a cell of Excel holds",
    "sink.full": "超过 {most} 行，Excel 写不下，请导出 CSV / more than {most} rows, more than Excel holds: export CSV",
    "sink.precision": (
        "15 位以上的数字作为数值写入 Excel 会失真 / as a number of Excel, more than 15 digits would be lost in part"
    ),
    "sink.date": "Excel 写不出该日期 / Excel cannot hold this date",
}

REASONS: Final[dict[str, str]] = (
    _FILES | _CSV | _FIXED | _DBF | _EXCEL | _SQL | _JSON | _FOLDERS | _SINKS | frames.REASONS
)
"""Every rule of the tables by its stable name."""
