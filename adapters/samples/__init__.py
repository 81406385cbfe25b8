"""Samples of both cities: invented people and employers, planted errors that are told beside them, and corrections."""

from adapters.samples.files import sample_rows, write_sample, write_samples
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
    "mend_rejects",
    "sample_rows",
    "write_sample",
    "write_samples",
]
