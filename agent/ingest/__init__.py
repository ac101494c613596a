"""Documents in, store out: `python -m agent.ingest DOCS --store STORE`."""
