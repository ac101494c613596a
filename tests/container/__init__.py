"""The image, without a Docker engine: what a build would copy, and what would run there."""
