"""The 41 cities of the delta: what their dialects' folders are called, and their codes."""

from __future__ import annotations

from typing import Final, NamedTuple


class City(NamedTuple):
    """One city.

    Attributes:
        code: Six digits of GB/T 2260, the last two 00.
        name: "苏州".
    """

    code: str
    name: str


CITIES: Final[dict[str, City]] = {
    "shanghai": City("310000", "上海"),
    "nanjing": City("320100", "南京"), "wuxi": City("320200", "无锡"), "xuzhou": City("320300", "徐州"),
    "changzhou": City("320400", "常州"), "suzhou": City("320500", "苏州"), "nantong": City("320600", "南通"),
    "lianyungang": City("320700", "连云港"), "huaian": City("320800", "淮安"), "yancheng": City("320900", "盐城"),
    "yangzhou": City("321000", "扬州"), "zhenjiang": City("321100", "镇江"), "taizhou_jiangsu": City("321200", "泰州"),
    "suqian": City("321300", "宿迁"),
    "hangzhou": City("330100", "杭州"), "ningbo": City("330200", "宁波"), "wenzhou": City("330300", "温州"),
    "jiaxing": City("330400", "嘉兴"), "huzhou": City("330500", "湖州"), "shaoxing": City("330600", "绍兴"),
    "jinhua": City("330700", "金华"), "quzhou": City("330800", "衢州"), "zhoushan": City("330900", "舟山"),
    "taizhou_zhejiang": City("331000", "台州"), "lishui": City("331100", "丽水"),
    "hefei": City("340100", "合肥"), "wuhu": City("340200", "芜湖"), "bengbu": City("340300", "蚌埠"),
    "huainan": City("340400", "淮南"), "maanshan": City("340500", "马鞍山"), "huaibei": City("340600", "淮北"),
    "tongling": City("340700", "铜陵"), "anqing": City("340800", "安庆"), "huangshan": City("341000", "黄山"),
    "chuzhou": City("341100", "滁州"), "fuyang": City("341200", "阜阳"), "suzhou_anhui": City("341300", "宿州"),
    "luan": City("341500", "六安"), "bozhou": City("341600", "亳州"), "chizhou": City("341700", "池州"),
    "xuancheng": City("341800", "宣城"),
}  # fmt: skip
"""By name. Two names that are spelt alike are told apart by their province."""
