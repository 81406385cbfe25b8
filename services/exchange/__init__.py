"""The use cases of the exchange, one per file: submit, seal, deliver, open, receive, settle, recover."""
