"""What the fork server imports once for the commands of a test process (`tests.forkserver`): libraries, then our rooms.

Never a `__main__`: a command runs its own anew.
"""

import gc

import faiss
import peft
import runpod
import torch
import transformers
import uvicorn

import agent.ingest.sync
import agent.retrieval.loading
import agent.runtime
import handler.handler
import local_server.server
import tests.fakes.loading
import training.train
from agent.text.language import detect_language

__all__ = [
    "agent", "faiss", "handler", "local_server", "peft", "runpod", "tests", "torch", "training", "transformers", "uvicorn",
]  # fmt: skip

# Reads its model, for half a second.
detect_language("Where is it?")
# The objects of the imports stay in memory that all forks share: no collection touches them.
gc.collect()
gc.freeze()
