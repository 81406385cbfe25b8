"""Frames of vehicles' terminals (JT/T 808) and of platforms (JT/T 809), records of transit cards (JT/T 978).

Bytes ↔ what they say; pure, no I/O.

Every decoder takes any bytes: what it returns encodes to the same bytes, and what it refuses is a ``FrameRefused`` that
quotes nothing. Work and memory are bounded by the length of what is handed in.
"""

from adapters.frames.errors import FrameRefused

__all__ = ["FrameRefused"]
