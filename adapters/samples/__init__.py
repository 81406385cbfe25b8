"""Sample files of both cities: invented people and employers, and planted errors that are told beside them."""

from adapters.samples.files import SampleFile, SampleSet, write_samples
from adapters.samples.people import SizeRefused
from adapters.samples.planted import Planted

__all__ = ["Planted", "SampleFile", "SampleSet", "SizeRefused", "write_samples"]
