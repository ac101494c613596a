"""The project's version, and those of what it runs on."""

import platform
from importlib.metadata import version

VERSION = "0.1.0"

VERSIONS: dict[str, str] = {
    "askpod": VERSION,
    "python": platform.python_version(),
    **{name: version(name) for name in ("torch", "transformers", "peft", "faiss-cpu", "sentence-transformers")},
}
