"""`python -m benchmarks engine`: this engine beside other ways to serve the same model, on the same prompts."""
