"""Samples of both cities: invented people and employers, planted errors that are told beside them, and corrections."""

from adapters.samples.files import (
    enough_people,
    sample_file_name,
    sample_rows,
    write_register,
    write_sample,
    write_samples,
)
from adapters.samples.made import SampleFile, SampleRows, SampleSet
from adapters.samples.mending import mend_rejects
from adapters.samples.people import SizeRefused
from adapters.samples.planted import Planted
from adapters.samples.records import RECIPES

DATASETS = tuple(RECIPES)
"""Datasets that have samples."""

__all__ = [
    "DATASETS",
    "Planted",
    "SampleFile",
    "SampleRows",
    "SampleSet",
    "SizeRefused",
    "enough_people",
    "mend_rejects",
    "sample_file_name",
    "sample_rows",
    "write_register",
    "write_sample",
    "write_samples",
]
