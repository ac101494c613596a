"""What the fork server imports once for the commands of a test process (`tests.forkserver`): libraries, then our rooms.

Never a `__main__`: a command runs its own anew.
"""

import gc
import logging
import sys

import faiss
import peft
import runpod.serverless
import setproctitle
import torch
import transformers
import uvicorn

import agent.ingest.sync
import agent.retrieval.loading
import agent.runtime
import handler.handler
import local_server.server
import tests.fakes.loading
import tests.forkserver
import training.train
from agent.text.language import detect_language

__all__ = [
    "agent", "faiss", "handler", "local_server", "peft", "tests", "torch", "training", "transformers", "uvicorn",
]  # fmt: skip

# The SDK reads the environment, which differs from worker to worker, when it is imported: that is left to the workers.
# Its helpers do not read it, and one of them asks for the processor's name, which takes a second.
for name in [name for name in sys.modules if name.split(".")[0] == "runpod"]:
    if not name.startswith("runpod.serverless.utils"):
        del sys.modules[name]
del runpod
# It sets up the log as well.
logging.root.handlers.clear()
logging.root.setLevel(logging.WARNING)
# Finds where the process's title lies, which it cannot do when the environment has changed.
setproctitle.getproctitle()
# Reads its model, for half a second.
detect_language("Where is it?")
# The objects of the imports stay in memory that all forks share: no collection touches them.
gc.collect()
gc.freeze()
