"""A transfer from voucher to closing across both cities, by `yrdx sync run` on either side."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pytest

from services.node.cli.case import case_fields
from services.node.session import open_session
from tests.integration.support.commands import yrdx
from tests.integration.support.nodes import Node
from tests.integration.support.pairs import Pair, running
from tests.integration.support.waiting import until
from tests.unit.adapters.mapping.rows import golden
from yrdx.node.v1 import node_pb2

DATASET: Final = "social.transfer"
CASE: Final = "NT2026009001"
PERSON: Final = "32062119800229001X"
LOCAL: Final = {1: "参保缴费凭证", 2: "转入申请", 3: "联系函", 4: "信息表", 5: "办结"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both cities, serving, with agreements on transfers."""
    with running(tmp_path_factory.mktemp("cities"), datasets=[DATASET]) as cities:
        yield cities


def nantongs(*steps: tuple[int, str]) -> bytes:
    """Nantong's file: steps of the case with their days, "20260105", in its own dialect."""
    first = golden("local", DATASET)[0]
    rows = [first | {"aae270": CASE, "ywhj": LOCAL[step], "aae036": day} for step, day in steps]
    return _text(rows, ",", "\r\n").encode("gb18030")


def shanghais(*steps: tuple[int, str]) -> bytes:
    """Shanghai's file: steps of the same case, in its own dialect."""
    blank = dict.fromkeys(golden("shanghai", DATASET)[0], "")
    told = {"gdbh": CASE, "sfzh": PERSON, "xm": "张三", "zcxzqh": "320685", "zrxzqh": "310115"}
    rows = [
        blank | told | {"ywhj": str(step), "blrq": f"{day[:4]}年{int(day[4:6])}月{int(day[6:])}日"}
        for step, day in steps
    ]
    return b"\xef\xbb\xbf" + _text(rows, ";", "\n").encode()


def _text(rows: list[dict[str, str]], delimiter: str, line_end: str) -> str:
    out = StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def sync(node: Node, to: Node, folder: Path, content: bytes, *, code: int = 0) -> Any:
    """Send a file and return the report."""
    file = folder / f"{node.city}-{len(list(folder.iterdir()))}.csv"
    file.write_bytes(content)
    line = ("sync", "run", file, "--home", node.path, "--to", to.city, "--dataset", DATASET, "--json")
    return yrdx(*line, code=code).json


def shown(node: Node, number: str = CASE) -> Any:
    """What `yrdx case show` says."""
    (case,) = yrdx("case", "show", number, "--home", node.path, "--json").json
    return case


def steps_of(node: Node) -> list[str]:
    """Which steps stand at a city."""
    return [step["step"].removeprefix("TRANSFER_STEP_") for step in shown(node)["steps"]]


def rejections(node: Node) -> list[Any]:
    """Refused rows that a city knows of."""
    found: list[Any] = yrdx("rejections", "ls", "--home", node.path, "--json").json
    return found


@pytest.mark.timeout(300)
def test_a_case_from_voucher_to_closing(pair: Pair, tmp_path: Path) -> None:
    """Every step arrives, an impossible one on each side is refused with the state named, and both see the same."""
    nantong, shanghai = pair.nodes

    sync(nantong, shanghai, tmp_path, nantongs((1, "20260105")))
    report = sync(shanghai, nantong, tmp_path, shanghais((2, "20260112"), (5, "20260113")), code=3)
    assert (report["submitted"], report["acknowledged"]) == (1, 1)
    (early,) = rejections(shanghai)
    assert (early["rule"], early["rejected_by"], early["row"]) == ("course.step", "local", 3)
    assert "转入申请" in early["reason"]

    nantong.kill()
    nantong.restart()
    sync(shanghai, nantong, tmp_path, shanghais((3, "20260119")))
    assert steps_of(nantong) == steps_of(shanghai) == ["VOUCHER", "APPLICATION", "CONTACT_LETTER"]

    # Shanghai closes without waiting for the form: when Nantong says it, nothing joins the case any more.
    sync(shanghai, nantong, tmp_path, shanghais((5, "20260202")))
    late = sync(nantong, shanghai, tmp_path, nantongs((4, "20260126")), code=3)
    assert late["submitted"] == 0
    (refused,) = rejections(nantong)
    assert (refused["rule"], refused["rejected_by"]) == ("course.step", "local")
    assert "办结" in refused["reason"]

    both = [shown(node) for node in pair.nodes]
    assert [case.pop("partner") for case in both] == [shanghai.city, nantong.city]
    assert both[0] == both[1]
    assert both[0]["state"] == "CLOSED"
    assert [step["city"] for step in both[0]["steps"]] == [nantong.city, *[shanghai.city] * 3]
    assert all(step["sequence"] for step in both[0]["steps"])
    assert (both[0]["clock_start_day"], both[0]["working_days"], both[0]["overdue"]) == ("2026-01-12", 45, False)


def test_the_receiver_refuses_what_the_sender_could_not_know(pair: Pair, tmp_path: Path) -> None:
    """A form that was under way when the case was closed comes back, and its step is taken back."""
    nantong, shanghai = pair.nodes
    number = "NT2026009002"

    def of(content: bytes, encoding: str) -> bytes:
        return content.decode(encoding).replace(CASE, number).encode(encoding)

    sync(shanghai, nantong, tmp_path, of(shanghais((3, "20260119")), "utf-8"))
    pair.to_shanghai.part()
    file = tmp_path / "form.csv"
    file.write_bytes(of(nantongs((4, "20260126")), "gb18030"))
    line = ("sync", "run", file, "--home", nantong.path, "--to", shanghai.city, "--dataset", DATASET, "--wait", "0s")
    yrdx(*line, code=(0, 3, 6))
    sync(shanghai, nantong, tmp_path, of(shanghais((5, "20260202")), "utf-8"))
    assert len(shown(nantong, number)["steps"]) == 3
    pair.to_shanghai.heal()
    nantong.until_settled(f"{nantong.city}/{shanghai.city}/{DATASET}/0")
    partner = [one for one in rejections(nantong) if one["rejected_by"] == "partner"]
    assert [(one["rule"], one["field"]) for one in partner] == [("course.step", "step")]
    assert "办结" in partner[0]["reason"]
    assert shown(nantong, number)["steps"] == shown(shanghai, number)["steps"]


def test_cases_are_listed_and_counted(pair: Pair, tmp_path: Path) -> None:
    """Open and overdue ones by the command and as a metric; for people in both languages; nobody's name or number."""
    nantong, shanghai = pair.nodes
    old = shanghais((3, "20250303")).decode("utf-8").replace(CASE, "SH2025000001").encode()
    sync(shanghai, nantong, tmp_path, old)
    (overdue,) = yrdx("case", "ls", "--home", nantong.path, "--overdue", "--json").json
    assert (overdue["case_number"], overdue["due_day"], overdue["overdue"]) == ("SH2025000001", "2025-05-08", True)
    assert overdue in yrdx("case", "ls", "--home", nantong.path, "--dataset", DATASET, "--open", "--json").json
    shown_to_people = yrdx("case", "ls", "--home", shanghai.path).out
    assert re.search(r"SH2025000001 .*联系函 contact letter .*2025-05-08 +是 yes", shown_to_people)
    assert PERSON not in shown_to_people
    assert "张三" not in yrdx("case", "show", "SH2025000001", "--home", shanghai.path).out
    yrdx("case", "show", "NT0", "--home", nantong.path, code=4)

    def counted() -> bool:
        text = (nantong.path / "metrics.prom").read_text() if (nantong.path / "metrics.prom").exists() else ""
        labels = f'{{dataset="{DATASET}",partner="{shanghai.city}"}}'
        return f"yrdx_cases_overdue{labels} 1" in text and f"yrdx_cases_open{labels} 1" in text

    until("the metric counts the overdue case", counted, timeout_s=40)


def test_the_command_works_while_no_node_serves(pair: Pair) -> None:
    """The same answer from the store alone."""
    nantong, _ = pair.nodes
    serving = shown(nantong)
    nantong.stop()
    assert shown(nantong) == serving
    nantong.restart()
    with open_session(nantong.path) as session:
        assert session.serving
        answer = session.stub.GetCase(node_pb2.GetCaseRequest(number=CASE))
    assert json.dumps(case_fields(answer.cases[0])) == json.dumps(serving)
