"""`yrdx version`: what runs here."""

from __future__ import annotations

import platform

import typer

from services import __version__
from services.node.cli.verbs import JsonOption, verb
from services.node.output import print_json, print_result

PARTS = ("grpcio", "protobuf", "protovalidate", "cryptography", "sqlalchemy", "psycopg")


def declare(app: typer.Typer) -> None:
    """Add the verb."""
    verb(app, "version", "显示版本 · show versions", "yrdx version", "yrdx version --json")(version)


def version(json: JsonOption = False) -> None:
    """Show versions."""
    versions = {"yrdx": __version__, "python": platform.python_version()} | _parts()
    if json:
        print_json(versions)
    else:
        print_result("\n".join(f"{name} {number}" for name, number in versions.items()))


def _parts() -> dict[str, str]:
    """Versions that decide how a node behaves; SQLite's is that of the library inside pysqlite3."""
    from importlib.metadata import version as installed

    from pysqlite3 import sqlite_version

    return {name: installed(name) for name in PARTS} | {"sqlite": sqlite_version}
