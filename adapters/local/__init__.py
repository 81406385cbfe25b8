"""The local dialect (Nantong): data only, see README.md."""
