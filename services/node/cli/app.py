"""Every verb of `yrdx`, in the order a newcomer meets them."""

from __future__ import annotations

from services.node.cli import (
    access_log,
    adapter,
    agreement,
    bench,
    bundle,
    ca,
    case,
    cert,
    config,
    conformance,
    crl,
    db,
    doctor,
    explain,
    health,
    inbox,
    init,
    kit,
    lookup,
    mapping,
    operator,
    outbox,
    partner,
    proto,
    receipts,
    rejections,
    revoke,
    serve,
    sink,
    standards,
    stream,
    sync,
    up,
    version,
)
from services.node.cli.verbs import group

app = group(
    """长三角城市数据交换网关 · gateway between the cities of the Yangtze River Delta

\b
退出码 exit codes:
  0 成功 ok · 1 失败 failed · 2 用法有误 mistake · 3 部分记录被拒 some records rejected
  4 未找到 not found · 5 不允许 not permitted · 6 暂不可用，可重试 unavailable, try again
  7 自检未过 preflight failed · 130 中断 interrupted"""
)

up.declare(app)
init.declare(app)
app.add_typer(bundle.app, name="bundle")
app.add_typer(cert.app, name="cert")
app.add_typer(ca.app, name="ca")
app.add_typer(operator.app, name="operator")
app.add_typer(revoke.app, name="revoke")
app.add_typer(crl.app, name="crl")
app.add_typer(partner.app, name="partner")
app.add_typer(agreement.app, name="agreement")
serve.declare(app)
doctor.declare(app)
explain.declare(app)
health.declare(app)
app.add_typer(sync.app, name="sync")
app.add_typer(sink.app, name="sink")
lookup.declare(app)
app.add_typer(access_log.app, name="access-log")
app.add_typer(outbox.app, name="outbox")
app.add_typer(inbox.app, name="inbox")
app.add_typer(receipts.app, name="receipts")
app.add_typer(rejections.app, name="rejections")
app.add_typer(case.app, name="case")
app.add_typer(stream.app, name="stream")
app.add_typer(standards.app, name="standards")
app.add_typer(mapping.app, name="mapping")
app.add_typer(adapter.app, name="adapter")
app.add_typer(config.app, name="config")
app.add_typer(db.app, name="db")
app.add_typer(proto.app, name="proto")
app.add_typer(kit.app, name="kit")
app.add_typer(bench.app, name="bench")
conformance.declare(app)
version.declare(app)
