"""For those who write mapping files: lint, golden rows, documents, differences, drafts, a folder for a new city."""
