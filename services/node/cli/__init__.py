"""The verbs of `yrdx`, one file a group; grpc, SQLAlchemy and rich are imported only where they are used."""
