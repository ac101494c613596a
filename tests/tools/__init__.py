"""Tests of the programs that make the documentation's artefacts."""
