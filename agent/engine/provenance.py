"""What an adapter was made from. `python -m training` writes it beside the weights; others have none."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from agent.load_errors import AdapterMismatch

FILE_NAME = "provenance.json"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an adapter comes from.

    Attributes:
        base: the base model's name.
        base_fingerprint: of the base model, as `agent.engine.adapters.fingerprint` makes it.
        prompt: hash of the prompt template, as `agent.answering.prompts.short.template_hash` makes it.
        data: hash of the training data.
        seed: of the training.
        made: date, ISO 8601.
        software: name and version of all that took part.
        training: what it was trained with: examples, steps, rank, learning rate and so on.
        reader: `agent.answering.calibration.ReaderCalibration` by language, None until it has been calibrated.
        figures: what `python -m training evaluate` measured, by set and figure.
    """

    base: str
    base_fingerprint: str
    prompt: str
    data: str
    seed: int
    made: str
    software: Mapping[str, str]
    training: Mapping[str, Any]
    reader: Mapping[str, Mapping[str, float]] | None = None
    figures: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, folder: Path) -> "Provenance | None":
        """That of the adapter in `folder`, None if there is none.

        Raises:
            AdapterMismatch: the file is not one of ours.
        """
        try:
            content = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
            return cls(**{field.name: content[field.name] for field in fields(cls)})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise AdapterMismatch(f"An adapter has no readable {FILE_NAME}.", detail=folder.name) from error

    def write(self, folder: Path) -> None:
        """Put it beside the adapter in `folder`."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"
        (folder / FILE_NAME).write_text(text, encoding="utf-8")
