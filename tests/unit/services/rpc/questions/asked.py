"""What answers depend on, in tests: Shanghai asks on 14 March 2026."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from services.domain.lookup import Asked
from yrdx.types.v1.lookup_pb2 import Person

ASKED: Final = Asked(datetime(2026, 3, 14, 4, tzinfo=UTC), "310000")
TODAY: Final = "2026-03-14"
ANNA: Final = Person(person_number="320602198001010012", person_name="示例·安娜")
