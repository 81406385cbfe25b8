"""Two cities in one process: real rules and real stores, a network and operators that misbehave."""
