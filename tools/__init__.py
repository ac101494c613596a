"""Programs for building the image and the documentation; nothing here is imported by the service."""
