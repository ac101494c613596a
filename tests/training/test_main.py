"""python -m training, as a person runs it: questions to data, data to an adapter, the adapter to its card."""

import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from agent.engine.base import Sampling
from agent.engine.provenance import Provenance
from agent.engine.transformers_engine import TransformersEngine
from agent.language_model import engine_options
from agent.schemas import Language
from agent.settings import Settings
from tests import forkserver
from tests.conftest import ROOT, environment
from tests.evaluation.squad_files import FERRY, LIGHTHOUSE, article, question, write
from tests.training.small import save_small_base, untrained_adapter
from training.__main__ import main
from training.example import Example, read_data, write_data

STEPS = 3


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command that runs in this process sets up the log for its process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def training(*arguments: object, **settings: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return forkserver.run(command, cwd=ROOT, env=environment(**settings), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def base(real_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model that trains in no time."""
    return save_small_base(tmp_path_factory.mktemp("base") / "small")


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two articles; one of them will be held out."""
    island = [
        question("When was the lighthouse of Arlen built?", "1871", LIGHTHOUSE.index("1871")),
        question("Who kept the lighthouse of Arlen?", "Maud Fenn", LIGHTHOUSE.index("Maud")),
        question("Who built the lighthouse of Arlen?", None),
    ]
    ferry = [question("How often does the ferry to Arlen sail?", "twice a day", FERRY.index("twice"))]
    folder = tmp_path_factory.mktemp("questions")
    return write(folder, article("Arlen", (LIGHTHOUSE, island)), article("Ferry", (FERRY, ferry)))


@pytest.fixture(scope="module")
def data(questions: Path, real_models: Path) -> Path:
    """What build-data makes of them, with the real retriever."""
    out = questions.parent / "data.jsonl"
    finished = training("build-data", "--qa", questions, "--store", questions.parent / "store", "--out", out)
    assert 0 == finished.returncode, finished.stderr
    assert "near_miss" in finished.stderr
    return out


@pytest.fixture(scope="module")
def adapter(data: Path, base: Path) -> Path:
    """What train makes of that in three steps."""
    out = data.parent / "adapter"
    finished = training("train", "--data", data, "--base", base, "--out", out, "--steps", STEPS, "--batch", 1)
    assert 0 == finished.returncode, finished.stderr
    assert f"step {STEPS}/{STEPS}  loss" in finished.stderr
    return out


def test_examples_have_both_splits_and_say_what_they_were_made_of(data: Path) -> None:
    """The same questions and seed make the same file."""
    known = read_data(data)
    assert known.of("train")
    assert known.of("held_out")
    assert {"island"} == set(known.header["files"])
    again = data.parent / "again.jsonl"
    arguments = ("--qa", data.parent / "island.json", "--store", data.parent / "store", "--out", again)
    assert 0 == training("build-data", *arguments).returncode
    assert data.read_bytes() == again.read_bytes()


async def test_three_steps_make_an_adapter_that_the_engine_loads(adapter: Path, base: Path, data: Path) -> None:
    """It answers with it, and the adapter knows what it was made from."""
    known = Provenance.read(adapter)
    assert known is not None
    assert (STEPS, read_data(data).digest) == (known.training["steps"], known.data)
    assert str(ROOT) not in (adapter / "adapter_config.json").read_text(encoding="utf-8")
    engine = TransformersEngine(engine_options(Settings(base_model=str(base), lora_model=f"mine={adapter}")))
    try:
        prompt = engine.encode_chat([{"role": "user", "content": "When?"}])
        made = [delta async for delta in engine.generate(prompt, Sampling(max_tokens=4), "mine")]
        assert 1 <= len(made) <= 4
        assert known == engine.provenance("mine")
    finally:
        engine.close()


def test_an_adapter_gets_a_card_with_both_columns(adapter: Path, base: Path, questions: Path) -> None:
    """Base and adapter, the same questions; a second run goes on from where the first one was."""
    arguments = ("evaluate", "--adapter", adapter, "--base", base, "--qa", questions)
    finished = training(*arguments)
    assert 0 == finished.returncode, finished.stderr
    card = (adapter / "README.md").read_text(encoding="utf-8")
    assert "| figure | base | adapter |" in card
    assert "| questions | 4 | 4 |" in card
    assert "## Where it is worse than the base" in card
    journal = adapter.with_name("adapter.evaluation") / "island.jsonl"
    written = journal.read_bytes()
    assert 0 == training(*arguments).returncode
    assert written == journal.read_bytes()


def questions_about(source: str, language: Language) -> list[dict[str, str]]:
    """One about each of the first sentences of a guide, and some that no guide answers."""
    lines = (ROOT / "docs" / source).read_text(encoding="utf-8").splitlines()
    quotes = [line for line in lines if line.endswith(".") and len(line) < 120][:35]
    asked = [
        {"question": f"{quote[:40]}?", "answer": quote[:-1], "quote": quote, "source": source, "language": language}
        for quote in quotes
    ]
    return asked + [{"question": f"{quote[-30:-1]} 1871?", "language": language} for quote in quotes[:10]]


@pytest.mark.slow
def test_an_adapter_of_ones_own_questions_is_calibrated(base: Path, real_store: Path, tmp_path: Path) -> None:
    """JSON lines about the documents of a store: what was held out of the training data is what is asked."""
    questions, data, out = tmp_path / "mine.jsonl", tmp_path / "data.jsonl", tmp_path / "adapter"
    asked = [*questions_about("api.md", "en"), *questions_about("es/api.md", "es")]
    lines = [json.dumps({"id": str(number), **one}, ensure_ascii=False) for number, one in enumerate(asked)]
    questions.write_text("\n".join(lines), encoding="utf-8")
    building = ("build-data", "--qa", questions, "--store", real_store, "--out")
    made = training(*building, data, "--held-out", 0.9)
    assert 0 == made.returncode, made.stderr
    trained = training("train", "--data", data, "--base", base, "--out", out, "--steps", STEPS)
    assert 0 == trained.returncode, trained.stderr
    evaluating = ("evaluate", "--adapter", out, "--base", base, "--calibrate", questions, "--store", real_store)
    finished = training(*evaluating, "--data", data, max_tokens=8)
    assert 0 == finished.returncode, finished.stderr
    held_out = len({example.id.rsplit("/", 1)[0] for example in read_data(data).of("held_out")})
    assert f"Calibrated on {held_out} held-out questions" in finished.stderr
    known = Provenance.read(out)
    assert known is not None
    assert known.reader

    made = training(*building, tmp_path / "few.jsonl", "--held-out", 0)
    assert "Nothing is held out" in made.stderr
    refused = training(*evaluating, "--data", tmp_path / "few.jsonl")
    assert 2 == refused.returncode
    assert "was not trained on few.jsonl" in refused.stderr


def test_a_killed_run_goes_on_from_its_checkpoint(data: Path, base: Path, tmp_path: Path) -> None:
    """And nothing stands in the adapter's place before it is whole; another run's checkpoints are left alone."""
    out, checkpoints = tmp_path / "adapter", tmp_path / "adapter.checkpoints"
    arguments = ["train", "--data", str(data), "--base", str(base), "--out", str(out), "--batch", "1"]
    options = ["--epochs", "2000", "--evaluate-every", "1"]
    running = forkserver.Popen(
        [sys.executable, "-m", "training", *arguments, *options], cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while not list(checkpoints.glob("checkpoint-*/trainer_state.json")) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert not out.exists()
    another = training(*arguments, "--steps", "5")
    assert 2 == another.returncode
    assert "another run" in another.stderr
    # Steps count from the checkpoint on; a run of as many steps as are done ends at once.
    known = json.loads((checkpoints / "run.json").read_text())
    assert 2000 == known["recipe"]["epochs"]


def test_an_adapter_is_trained_further(adapter: Path, data: Path, base: Path, tmp_path: Path) -> None:
    """With its own rank, whatever is asked for; what it came from stands in the provenance."""
    arguments = ("--data", data, "--base", base, "--steps", 1, "--batch", 1, "--rank", 2)
    finished = training("train", *arguments, "--from-adapter", adapter, "--out", tmp_path / "further")
    assert 0 == finished.returncode, finished.stderr
    first, further = Provenance.read(adapter), Provenance.read(tmp_path / "further")
    assert first is not None
    assert further is not None
    assert (first.training["rank"], 1) == (further.training["rank"], further.training["steps"])
    assert (adapter.name, first.data) == (further.training["from"]["adapter"], further.training["from"]["data"])
    for name in ("nowhere", untrained_adapter(tmp_path / "other", rank=4)):
        refused = training("train", *arguments, "--from-adapter", name, "--out", tmp_path / "none")
        assert (name == "nowhere") == (2 == refused.returncode)


def an_example() -> Example:
    return Example("a/answer", "answer", "train", "en", [{"role": "user", "content": "When?"}], "1871 [1]")


def no_data(folder: Path) -> list[object]:
    (folder / "data.jsonl").write_text("")
    return ["--data", folder / "data.jsonl", "--base", "models/none"]


def other_file(folder: Path) -> list[object]:
    (folder / "data.jsonl").write_text('{"question": "When?"}\n')
    return ["--data", folder / "data.jsonl", "--base", "models/none"]


def other_prompt(folder: Path) -> list[object]:
    write_data(folder / "data.jsonl", {"prompt": "another"}, [an_example()])
    return ["--data", folder / "data.jsonl", "--base", "models/none"]


def no_rank(folder: Path) -> list[object]:
    return ["--data", folder / "data.jsonl", "--base", "models/none", "--rank", "0"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (no_data, "no training data"),
        (other_file, "no training data"),
        (other_prompt, "another prompt template"),
        (no_rank, "--rank must be more than 0"),
    ],
    ids=["empty", "another file", "another template", "no rank"],
)
def test_what_cannot_be_trained_on_ends_with_status_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Callable[[Path], list[object]], message: str
) -> None:
    """And nothing is written."""
    assert 2 == main([str(word) for word in ("train", *arguments(tmp_path), "--out", tmp_path / "out")])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_base_model_that_does_not_exist_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what would help."""
    words = ("train", "--data", data, "--base", tmp_path / "none", "--out", tmp_path / "out")
    assert 2 == main(list(map(str, words)))
    assert f"--base {tmp_path / 'none'} was not found. There is no such folder.\n" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_has_no_provenance_is_not_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without an adapter, and an adapter of another maker: there is no place for the figures."""
    words = ["evaluate", "--adapter", str(tmp_path), "--qa", "none.json"]
    assert 2 == main(words)
    assert "holds no adapter" in capsys.readouterr().err
    untrained_adapter(tmp_path, rank=4)
    assert 2 == main(words)
    assert "has no provenance" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "status"), [(["--help"], 0), ([], 2), (["dance"], 2)])
def test_without_a_command_it_says_which_there_are(
    words: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for with --help, that is no error."""
    assert status == main(words)
    assert "build-data | train | evaluate" in capsys.readouterr().err
