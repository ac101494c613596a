"""Prompts of the strategies, one module each."""
