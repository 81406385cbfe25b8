"""What a node tells about itself: log lines, metrics and traces, none of which ever holds personal data."""
