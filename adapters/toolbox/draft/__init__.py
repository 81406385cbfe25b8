"""A first mapping file from a sample: what can be guessed is guessed and marked, and no value of a person is kept."""

from adapters.toolbox.draft.draft import Draft, draft_mapping
from adapters.toolbox.draft.keeping import keep_draft

__all__ = ["Draft", "draft_mapping", "keep_draft"]
