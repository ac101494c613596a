"""python -m training build-data | train | evaluate: the LoRA recipe. Each command says with --help what it takes."""

import sys

from pydantic import ValidationError
from rich.console import Console

from agent.load_errors import LoadError
from agent.settings import Settings, explain
from agent.telemetry.logs import configure_logging
from evaluation.dataset import InvalidDataset
from training.errors import Refused

OK = 0
FAILED = 2
COMMANDS = ("build-data", "train", "evaluate")


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 it could not be done."""
    words = sys.argv[1:] if arguments is None else arguments
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if words[:1] in (["-h"], ["--help"]) or words[:1] not in ([name] for name in COMMANDS):
        console.print(__doc__, markup=False)
        return OK if words[:1] in (["-h"], ["--help"]) else FAILED
    try:
        settings = Settings()
        configure_logging(settings.model_copy(update={"log_level": "WARNING"}))
        _run(words[0], words[1:], settings, console)
        return OK
    except ValidationError as error:
        console.print(explain(error), markup=False, end="")
    except (InvalidDataset, Refused) as error:
        console.print(str(error), markup=False)
    except LoadError as error:
        console.print(f"{error.code}: {error.message}", markup=False)
    except FileNotFoundError as error:
        console.print(f"There is no file or folder {str(error.filename or error)!r}.", markup=False)
    return FAILED


def _run(command: str, words: list[str], settings: Settings, console: Console) -> None:
    # Each imports what it needs: torch takes seconds, and --help none of them.
    if command == "build-data":
        from training.build_data import build_data

        build_data(words, settings, console)
    elif command == "train":
        from training.train import train

        train(words, settings, console)
    else:
        from training.evaluate import evaluate

        evaluate(words, settings, console)


if __name__ == "__main__":
    sys.exit(main())
