"""A training example and the file of them: JSON lines, after a first line that says what the file was made from."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from agent.engine.base import ChatMessage
from agent.schemas import Language
from training.errors import Refused

Kind = Literal["answer", "near_miss", "removed", "follow_up", "cross_lingual", "injection"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Split = Literal["train", "held_out"]

FORMAT = "askpod-training-1"


@dataclass(frozen=True, slots=True)
class Example:
    """What a model is shown, and what it should say.

    Attributes:
        id: of the question it was made from, and its kind.
        kind: `answer` has the answer among distractors, `near_miss` asks what its passage nearly says, `removed` has
            lost the answer's sentence, `follow_up` leans on an earlier question, `cross_lingual` asks in another
            language than the sentences', `injection` has a sentence that gives orders.
        split: `held_out` articles are never trained on.
        language: of the question.
        messages: the prompt, as the Answerer would send it.
        completion: the whole answer, as the model should give it.
    """

    id: str
    kind: Kind
    split: Split
    language: Language
    messages: Sequence[ChatMessage]
    completion: str


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A file of examples.

    `header` is how it was made; `digest` is the file's SHA-256.
    """

    header: Mapping[str, Any]
    examples: Sequence[Example]
    digest: str

    def of(self, split: Split) -> list[Example]:
        """The examples of one split, in the file's order."""
        return [example for example in self.examples if example.split == split]


def write_data(path: Path, header: Mapping[str, Any], examples: Iterable[Example]) -> None:
    """Write the file whole, or not at all."""
    lines = [json.dumps({"format": FORMAT, **header}, ensure_ascii=False)]
    lines += [json.dumps(asdict(example), ensure_ascii=False) for example in examples]
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
    unfinished.replace(path)


def read_data(path: Path) -> TrainingData:
    """The file's examples.

    Raises:
        Refused: there is no such file, or `python -m training build-data` did not write it.
    """
    try:
        content = path.read_bytes()
        # Not splitlines(): a line separator inside a string is text.
        first, *lines = content.decode("utf-8").rstrip("\n").split("\n")
        header = json.loads(first)
        if header.get("format") != FORMAT:
            raise ValueError("another format")
        examples = [Example(**json.loads(line)) for line in lines]
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(f"{path.name} is no training data; `python -m training build-data` makes it.") from error
    if not any(example.split == "train" for example in examples):
        raise Refused(f"{path.name} holds no example to train on.")
    return TrainingData(header, examples, hashlib.sha256(content).hexdigest())


def count(examples: Iterable[Example]) -> dict[str, Counter[str]]:
    """How many there are of each kind, by language, and of each split under `held_out`."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for example in examples:
        counts[example.kind][example.language] += 1
        counts[example.kind]["held_out"] += example.split == "held_out"
    return counts
