"""The words and the rules of the exchange; pure standard library."""
