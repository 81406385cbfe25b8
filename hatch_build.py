"""Build hook: generate the stubs and put them into the wheel.

hatchling leaves git-ignored files out of a wheel without a word, and every generated file is git-ignored;
``artifacts`` is its way to name the ones that belong inside.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ARTIFACTS = (
    "proto/**/*_pb2.py",
    "proto/**/*_pb2.pyi",
    "proto/**/*_pb2_grpc.py",
    "proto/yrdx/descriptors.binpb",
)
KIT_LIST = "kit/FILES"
"""What the partner kit is made of and no package holds; `services.node.kit` finds it below `KIT_SOURCES`."""
KIT_SOURCES = "services/node/kit_sources"


class StubsBuildHook(BuildHookInterface[Any]):
    """Generates before every wheel and editable install: neither can hold stubs of another contract."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate the stubs and name them as artifacts.

        Args:
            version: What is being built, ``standard`` or ``editable``; both need the stubs.
            build_data: hatchling's settings of this build; ``artifacts`` is extended.

        Raises:
            subprocess.CalledProcessError: The contract does not compile; the generator has said why.
        """
        subprocess.run([sys.executable, str(Path(self.root) / "proto" / "generate.py")], check=True)
        build_data["artifacts"].extend(ARTIFACTS)
        if version == "standard":  # an editable install reads them where they are
            names = (Path(self.root) / KIT_LIST).read_text(encoding="ascii").split()
            build_data["force_include"] |= {name: f"{KIT_SOURCES}/{name}" for name in (KIT_LIST, *names)}
