"""NodeService: cases that records of both directions tell."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from services.domain.case import Case, Deadline, case_digest, deadline
from services.domain.course import Course, Step
from services.domain.errors import NotFound
from services.exchange.deadlines import local_today, overdue_starts
from services.ports.cases import CaseFilter
from services.ports.store import Transaction
from services.rpc.node_desk import Context, NodeDesk
from yrdx.node.v1 import node_pb2

PAGE_CASES: Final = 500


class CaseDesk(NodeDesk):
    """Says where cases stand and until when they must end."""

    async def ListCases(  # noqa: N802 - gRPC's name
        self, request: node_pb2.ListCasesRequest, context: Context
    ) -> node_pb2.ListCasesResponse:
        """Return cases."""
        upto = overdue_starts(self.parts, self.host.calendar) if request.overdue_only else None
        wanted = CaseFilter(request.dataset, open_only=request.open_only, clock_upto=upto)
        limit = request.page_size or PAGE_CASES
        found = await self._cases(wanted, after_id=request.after_id, limit=limit)
        return node_pb2.ListCasesResponse(cases=found)

    async def GetCase(  # noqa: N802
        self, request: node_pb2.GetCaseRequest, context: Context
    ) -> node_pb2.GetCaseResponse:
        """Return the cases of one number.

        Raises:
            NotFound: There is none.
        """
        wanted = CaseFilter(digest=case_digest(request.number, self.parts.digests["SHA256"]))
        found = await self._cases(wanted, after_id=0, limit=PAGE_CASES)
        if not found:
            raise NotFound("没有这个编号的案件 · no case of that number is known here: `yrdx case ls` lists them")
        return node_pb2.GetCaseResponse(cases=found)

    async def _cases(self, wanted: CaseFilter, *, after_id: int, limit: int) -> list[node_pb2.Case]:
        def find(tx: Transaction) -> Sequence[Case]:
            return tx.cases(wanted, after_id=after_id, limit=limit)

        return await asyncio.to_thread(lambda: [self._told(case) for case in self.store.read(find)])

    def _told(self, case: Case) -> node_pb2.Case:
        course = self.parts.courses.course(case.dataset)
        if course is None:
            raise NotFound(f"{case.dataset} has no course in this version of the contract any more")
        until = deadline(course, case.standing(), local_today(self.parts), self.host.calendar)
        return node_pb2.Case(
            id=case.id,
            dataset=case.dataset,
            partner=case.partner,
            number=case.number,
            state=case.state.value,
            steps=_steps_to_pb(course, case),
            deadline=_deadline_to_pb(until) if until else None,
        )


def _steps_to_pb(course: Course, case: Case) -> list[node_pb2.Case.Step]:
    records = case.standing_records()
    return [
        node_pb2.Case.Step(
            step=step.value,
            label=_label(step),
            day=records[step.number].day.isoformat(),
            city=records[step.number].city,
            epoch=records[step.number].epoch,
            sequence=records[step.number].sequence,
        )
        for step in course.in_order(records)
    ]


def _deadline_to_pb(until: Deadline) -> node_pb2.Case.Deadline:
    return node_pb2.Case.Deadline(
        start_label=_label(until.start),
        start_day=until.start_day.isoformat(),
        due_day=until.due_day.isoformat(),
        working_days=until.working_days,
        used_days=until.used_days,
        overdue=until.overdue,
        holidays_known=until.announced,
    )


def _label(step: Step) -> str:
    return f"{step.label} {step.english}"
