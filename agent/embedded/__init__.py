"""The embedded models: weights that ship inside Python packages, converted once into ordinary model folders."""
