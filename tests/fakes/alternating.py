"""`python -m tests.fakes.alternating DOCS STORE`: ingests two documents again and again while others read the store.

For each line of standard input, a colour, it ingests documents of that colour and prints the index id of the store.
"""

import sys
from pathlib import Path

from agent.ingest.loaders import find_files
from agent.ingest.sync import sync
from agent.retrieval.hashing_embedder import HashingEmbedder
from tests.fakes.loading import SIZES, write_documents

QUESTION = "How is the alpha gateway painted and how is the beta bridge painted?"


def painted(colour: str) -> dict[str, str]:
    """Documents that answer `QUESTION` with one colour, each half in another document."""
    return {
        "alpha.md": f"# Alpha\n\nThe alpha gateway is painted {colour}.\n",
        "beta.md": f"# Beta\n\nThe beta bridge is painted {colour}.\n",
        "tower.md": "# Tower\n\nA lantern hangs in the tower. Nobody lights it.\n",
    }


def main() -> None:
    """Until standard input ends."""
    docs, store = map(Path, sys.argv[1:])
    for line in sys.stdin:
        write_documents(docs, painted(line.strip()))
        manifest = sync(store, find_files([str(docs)]), HashingEmbedder(), SIZES).manifest
        assert manifest is not None
        print(manifest.index_id, flush=True)  # noqa: T201 - what the test waits for


if __name__ == "__main__":
    main()
