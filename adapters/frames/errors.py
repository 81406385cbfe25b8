"""Why bytes are no frame. Frames say where a vehicle was and whose it is, so no reason holds any of them."""

from __future__ import annotations

from typing import Final

REASONS: Final[dict[str, str]] = {
    "frame.too_long": "帧过长 / the frame is longer than the protocol allows",
    "frame.marks": "帧头或帧尾标识不符 / the frame does not begin and end with its mark",
    "frame.escape": "转义不合规定 / an escape that the protocol does not have",
    "frame.length": "长度与内容不符 / a length that is not that of the content",
    "frame.checksum": "校验码不符 / the checksum is wrong",
    "frame.bcd": "BCD 码含非数字 / a digit above 9 in BCD",
    "frame.reserved": "保留位或保留字节不为0 / a reserved bit is set",
    "frame.date": "日期时间不存在或超出 2000 至 2099 年 / no such date and time from 2000 to 2099",
    "frame.range": "数值超出该字段的范围 / a number that its field cannot hold",
    "frame.text": "文字不能以 GBK 编码表示，或含填充以外的空字符 / text that GBK cannot say, or with a zero inside",
    "frame.sub_message": "子业务类型与消息类型不符 / a sub-message that does not belong to this message",
    "frame.position": "未定位，或在南纬、西经 / without a position, or in the south or west",
    "frame.lacking": "行中缺少帧必有的数值或终端号 / the row lacks a number, or the terminal, that every frame has",
    "frame.pair": "交易与其后的行程不是同一笔 / the transaction and the trip behind it are not of the same ride",
    "frame.hex": "不是十六进制文本 / not hexadecimal",
    "frame.vehicle": "车辆登记表中没有该终端 / the register of vehicles does not know the terminal",
    "frame.encrypted": "内容已加密，无法读取 / encrypted content cannot be read here",
}


class FrameRefused(ValueError):
    """Bytes are no frame, or something cannot be said in one; whoever sends it mends it.

    Args:
        rule_id: Stable name of the rule, a key of ``REASONS``.
    """

    def __init__(self, rule_id: str) -> None:
        super().__init__(rule_id)
        self.rule_id = rule_id
        self.reason = REASONS[rule_id]

    def __str__(self) -> str:
        return f"{self.reason} [{self.rule_id}]"
