"""The LoRA recipe: training data from questions, an adapter from the data, and figures for the adapter."""
