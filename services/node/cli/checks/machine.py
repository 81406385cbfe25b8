"""The machine under the node: its home, the disk, the clock, the port."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import socket
import stat
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pysqlite3 import sqlite_version

from certs.errors import ProbeFailed
from certs.probe import verify_tls13_only
from services.node.addresses import split_address
from services.node.cli.checks.verdict import Verdict, failed, passed, warning
from services.node.home import Home

MIB: Final = 1_048_576
FREE_MIB_MIN: Final = 256
"""Below, a backlog of one bad hour no longer fits."""
FREE_MIB_LOW: Final = 2_048
FREE_FILES_MIN: Final = 1_000
OPEN_FILES_LOW: Final = 1_024
CLOCK_BACK_MAX: Final = timedelta(minutes=5)


def check_runtime() -> Iterator[Verdict]:
    """Look at what the node runs on, before there is a home."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    yield passed("machine.python", f"Python {python}, SQLite {sqlite_version}")
    if os.geteuid() == 0:
        mend = "useradd --system --create-home yrdx && sudo -u yrdx yrdx …"
        yield warning("machine.user", "root 运行 · runs as root: a user of its own is enough", mend)
    else:
        yield passed("machine.user", f"uid {os.geteuid()}")
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < OPEN_FILES_LOW:
        yield warning("machine.files", f"{files} 个打开文件 · open files at most", f"ulimit -n {OPEN_FILES_LOW}")
    else:
        yield passed("machine.files", f"{files} 个打开文件 · open files at most")


def check_place(home: Home) -> Iterator[Verdict]:
    """Look whether a home can be made where there is none yet."""
    folder = next(path for path in (home.path.resolve(), *home.path.resolve().parents) if path.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        mend = f"sudo install -d -m 700 -o $(id -un) {home.path}"
        yield failed("home.place", f"当前用户不能写入 · this user cannot write in {folder}", mend)
        return
    if folder == home.path.resolve() and any(folder.iterdir()):
        mend = f"换一个空目录 · choose an empty folder: ls -la {folder}"
        yield failed("home.place", f"{folder} 不为空 · is not empty, and no home", mend)
        return
    yield passed("home.place", f"可以创建 · may be made: yrdx init --city CITY --home {home.path}")
    yield from check_disk(folder)


def check_home(home: Home) -> Iterator[Verdict]:
    """Look at the folder, its owner and its modes."""
    if not home.settings.is_file():
        yield failed(
            "home.layout",
            f"{home.path} 不是节点目录 · is no node's home",
            f"yrdx init --city 320600 --home {home.path}",
        )
        return
    yield passed("home.layout", f"{home.path.resolve()}")
    if not os.access(home.path, os.W_OK | os.X_OK):
        yield failed("home.owner", "当前用户不能写入 · this user cannot write here", f"chown -R $(id -un) {home.path}")
        return
    open_paths = [path for path in (home.path, home.certs, home.settings, home.store) if _is_open(path)]
    if open_paths:
        names = ", ".join(str(path) for path in open_paths)
        yield failed("home.modes", f"其他用户可访问 · others may enter: {names}", f"chmod -R go= {home.path}")
    else:
        yield passed("home.modes", "仅属主可访问 · for its owner alone")


def check_disk(folder: Path) -> Iterator[Verdict]:
    """Look at the room that is left where the store lies."""
    free_mib = shutil.disk_usage(folder).free // MIB
    mend = f"清理磁盘 · make room: df -h {folder}"
    found = f"{free_mib:,} MiB 可用 · free"
    if free_mib < FREE_MIB_MIN:
        yield failed("disk.space", f"{found}, 至少需要 · at least {FREE_MIB_MIN}", mend)
    elif free_mib < FREE_MIB_LOW:
        yield warning("disk.space", found, mend)
    else:
        yield passed("disk.space", found)
    status = os.statvfs(folder)
    if status.f_files and status.f_favail < FREE_FILES_MIN:
        yield failed("disk.files", f"{status.f_favail} inode 可用 · free files", f"df -i {folder}")


def check_clock(home: Home, now: datetime) -> Iterator[Verdict]:
    """Look whether the clock fell behind what was written here before."""
    written = [path for path in (home.settings, home.store, home.lock) if path.exists()]
    newest = datetime.fromtimestamp(max(path.stat().st_mtime for path in written), UTC)
    if now < newest - CLOCK_BACK_MAX:
        yield failed(
            "clock.sane",
            f"现在 {now:%Y-%m-%d %H:%M:%S}Z 早于文件时间 · the clock is behind files here, {newest:%Y-%m-%d %H:%M:%S}Z",
            "timedatectl set-ntp true",
        )
    else:
        yield passed("clock.sane", f"{now:%Y-%m-%d %H:%M:%S}Z")


def check_port(listen: str, pid: int | None) -> Iterator[Verdict]:
    """Look whether the port is free, or answers for this node.

    Args:
        listen: Address from the settings.
        pid: Process that serves this home; None when none does.
    """
    host, port = split_address(listen)
    if pid is None:
        yield _free_port(host, port)
        return
    try:
        verify_tls13_only(host, port)
    except ProbeFailed as error:
        yield failed("port.tls", f"进程 {pid}: {error}", f"查看日志后重启 · look at its log and restart it: kill {pid}")
    else:
        yield passed("port.tls", f"{listen} 进程 · process {pid}, TLS 1.3")


def check_metrics(port: int, pid: int | None) -> Iterator[Verdict]:
    """Look whether the port for metrics is free, or answers for this node.

    Args:
        port: From the settings; 0: there is none.
        pid: Process that serves this home; None when none does.
    """
    if not port:
        return
    if pid is None:
        yield _free_port("127.0.0.1", port, "port.metrics", "metrics_port")
        return
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            answer.read()
    except OSError as error:
        mend = f"改过 metrics_port 则重启 · restart it when `metrics_port` was changed: kill {pid}"
        yield failed("port.metrics", f"127.0.0.1:{port}: {getattr(error, 'reason', error)}", mend)
    else:
        yield passed("port.metrics", f"http://127.0.0.1:{port}/metrics")


def _free_port(host: str, port: int, check: str = "port.free", setting: str = "listen") -> Verdict:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: closed ones do not count
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return failed(
                    check,
                    f"{host}:{port} 已被其他程序占用 · is taken by another program",
                    f"ss -ltnp 'sport = :{port}'",
                )
            return failed(
                check,
                f"{host}:{port}: {error.strerror}",
                f"修改 node.toml 的 {setting} · choose another `{setting}` in node.toml",
            )
    return passed(check, f"{host}:{port} 空闲 · free")


def _is_open(path: Path) -> bool:
    return path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
