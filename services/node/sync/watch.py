"""Watch: every complete file of a folder is synced, and moved aside with what became of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from adapters.mapping import load_mapping
from adapters.tables import SourceRefused, SourceUnavailable, WatchedFile, WatchedFolder
from services.domain.errors import Unavailable
from services.node.lock import HomeBusy
from services.node.retries import retrying
from services.node.session import open_session
from services.node.sync.inputs import FileInput, FrameOptions
from services.node.sync.progress import NoProgress
from services.node.sync.report import SyncJob, SyncReport
from services.node.sync.run import Sync

_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class TakenFile:
    """One file that was dealt with.

    Attributes:
        name: Its name.
        moved_to: Where it lies now; None where another content came in its place meanwhile.
        report: What became of its rows; None when it was refused as a whole.
        refused: Why it was refused as a whole.
    """

    name: str
    moved_to: Path | None
    report: SyncReport | None
    refused: str = ""

    @property
    def is_partial(self) -> bool:
        """Whether it was refused, or some of its rows were."""
        r = self.report
        return r is None or bool(r.rejected_local or r.rejected_partner)

    @property
    def words(self) -> str:
        """What people are told."""
        if self.report is None:
            return f"{self.name}: {self.refused}"
        r = self.report
        return (
            f"{self.name}: 读取 read {r.read}，未变 unchanged {r.unchanged}，提交 submitted {r.submitted}，"
            f"本地拒绝 rejected {r.rejected_local}，对方拒绝 by partner {r.rejected_partner}，待送 pending {r.pending}"
            + (f" · {r.rejects_file}" if r.rejects_file else "")
        )

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        report = self.report.to_json() if self.report else None
        return {"file": self.name, "moved_to": str(self.moved_to or ""), "refused": self.refused, "report": report}


@dataclass(frozen=True, slots=True)
class Watch:
    """A folder under watch.

    Attributes:
        home: The node's home.
        folder: The folder.
        to_city: City that receives.
        dataset: Dataset of every file.
        settle_s: How long a file must stand still.
        wait_s: How long to follow the delivery of each file.
        frames: What files of frames do not say.
    """

    home: Path
    folder: Path
    to_city: str
    dataset: str
    settle_s: float
    wait_s: float
    frames: FrameOptions

    def files(self, *, once: bool) -> Iterator[TakenFile]:
        """Sync every file that comes and yield what became of it.

        Args:
            once: End when nothing has come for as long as a file needs to settle, and raise what otherwise is retried.

        Raises:
            SourceRefused: There is no such folder.
            ExchangeError: The node refuses; the file stays where it is.
        """
        watched = WatchedFolder(self.folder, self.settle_s)
        for file in self._present(watched) if once else watched:
            again = retrying(Unavailable, HomeBusy, SourceUnavailable, once=once)
            yield again(self._take, watched, file)

    def _present(self, watched: WatchedFolder) -> Iterator[WatchedFile]:
        taken: set[WatchedFile] = set()
        last = time.monotonic()
        while time.monotonic() <= last + self.settle_s + _LOOK_S:
            new = [file for file in watched.complete() if file not in taken]
            for file in new:
                yield file
                taken.add(file)
                last = time.monotonic()
            time.sleep(0 if new else _LOOK_S)

    def _take(self, watched: WatchedFolder, file: WatchedFile) -> TakenFile:
        try:
            report = self._sync(file.path)
        except SourceUnavailable:
            raise
        except SourceRefused as error:
            return TakenFile(file.path.name, watched.failed(file, str(error)), None, str(error))
        return TakenFile(file.path.name, watched.done(file), report)

    def _sync(self, path: Path) -> SyncReport:
        with open_session(self.home) as session:
            layout = self.frames.layout(load_mapping(session.settings.dialect, self.dataset))
            job = SyncJob(FileInput(path, layout), self.to_city, self.dataset, wait_s=self.wait_s)
            return Sync(session, job, NoProgress()).run()
