"""Generation: the `Engine` protocol and its implementations."""
