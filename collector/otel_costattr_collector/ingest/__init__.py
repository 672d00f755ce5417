"""From a request to its acknowledgement: admission, decoding, group commit."""

from __future__ import annotations

from .group_commit import GroupCommit
from .receiver import Receiver, Submission

__all__ = ["GroupCommit", "Receiver", "Submission"]
