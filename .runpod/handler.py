"""Where the platform's Hub looks for a handler. There is one only: the package `handler`, which this runs."""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # Not this folder, in which `handler` is this file.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    runpy.run_module("handler", run_name="__main__", alter_sys=True)
