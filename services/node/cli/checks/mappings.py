"""The dialect's mapping files: each can be read and compiled, so no sync of a dataset fails at its first row."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.mapping import find_mappings, load_mapping
from adapters.mapping.errors import MappingInvalid
from services.node.cli.checks.verdict import Verdict, failed, passed


def check_mappings(dialect: str) -> Iterator[Verdict]:
    """Compile every mapping of a dialect."""
    datasets = [dataset for name, dataset in find_mappings() if name == dialect]
    broken = 0
    for dataset in datasets:
        try:
            load_mapping(dialect, dataset)
        except MappingInvalid as error:
            broken += 1
            yield failed(f"mappings.{dataset}", str(error), f"yrdx mapping lint {dialect}/{dataset}")
    if not datasets:
        mend = f"yrdx mapping new --from FILE --dataset DATASET --dialect {dialect}"
        yield failed("mappings.none", f"{dialect} 没有映射文件 · has no mapping file", mend)
    elif not broken:
        yield passed("mappings.compile", f"{dialect}: {len(datasets)} 个数据集 · datasets")
