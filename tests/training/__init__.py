"""Tests of the LoRA recipe."""
