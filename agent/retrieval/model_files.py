"""The files of an embedding model that decide its vectors."""

import hashlib
from pathlib import Path

# A README or a picture beside them does not.
_PATTERNS = ("*.safetensors", "config.json", "tokenizer.json", "modules.json", "config_sentence_transformers.json")


def fingerprint_of(folder: Path) -> str:
    """SHA-256 over the files that decide the vectors; the model's code is not needed for that."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _PATTERNS for path in folder.rglob(pattern)}):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
