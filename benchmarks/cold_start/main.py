"""python -m benchmarks cold_start: from a process's start to its first answer, with a warm and with a cold page cache.

Beside it a course's way of loading the same models and, where it is installed, vLLM's engine.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from agent.settings import EMBEDDED_LLM, Settings
from agent.store.manifest import BUILDS, INDEX_FILE
from agent.store.store import Store
from benchmarks.cold_start.steps import ANSWERED, INDEX, READY, TEXTS

_DROP_CACHES = Path("/proc/sys/vm/drop_caches")
_PATIENCE_S = 900


@dataclass(frozen=True, slots=True)
class Start:
    """One process. Seconds since it was started; `phases_ms` are those that our own tells."""

    contestant: str
    cache: str
    ready_s: float
    answered_s: float
    answer: str
    phases_ms: dict[str, float] = field(default_factory=dict)


def main(words: Sequence[str]) -> int:
    """Exit status: 1 if a process failed, 2 if the page cache cannot be emptied here."""
    options = _options(words)
    if "cold" in options.cache and not os.access(_DROP_CACHES, os.W_OK):
        _say("Only root can empty the page cache: say --cache warm.")
        return 2
    sdk = ["sdk"] if options.sdk else []
    commands = {
        "askpod": [sys.executable, "-m", "benchmarks.cold_start.ours", *sdk],
        "naive": [sys.executable, "-m", "benchmarks.cold_start.naive", str(options.work), *sdk],
    }
    if options.vllm:
        commands["vllm"] = [options.vllm, "-m", "benchmarks.cold_start.vllm", EMBEDDED_LLM]
    starts: list[Start] = []
    _prepare(options.work)
    try:
        for number in range(options.rounds):
            for cache in options.cache:
                for name, command in commands.items():
                    if name == "vllm" and number >= options.vllm_rounds:
                        continue
                    starts.append(_start(name, cache, command))
                    _say(f"round {number + 1}, {cache}, {name}: {starts[-1].answered_s:.1f} s")
    except subprocess.CalledProcessError as error:
        _say(f"{error}\n{error.stderr[-2000:]}")
        return 1
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(json.dumps([asdict(one) for one in starts], indent=1), encoding="utf-8")
    sys.stdout.write(_table(starts, options))
    return 0


def _prepare(folder: Path) -> None:
    """The index and the texts as a course's project would have them: one file each."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings()
    store = Store(settings.rag_store)
    shutil.copyfile(settings.rag_store / BUILDS / store.manifest.build / INDEX_FILE, folder / INDEX)
    texts = [chunk.text for chunk in store.chunks.get(range(store.manifest.chunks))]
    (folder / TEXTS).write_text(json.dumps(texts), encoding="utf-8")
    store.close()


def _start(name: str, cache: str, command: Sequence[str]) -> Start:
    if cache == "cold":
        os.sync()
        _DROP_CACHES.write_text("3", encoding="ascii")
    env = os.environ | {"PYTHONPATH": os.getcwd(), "LOG_LEVEL": "ERROR", "HF_HUB_OFFLINE": "1"}
    at: dict[str, float] = {}
    told: dict[str, object] = {}
    began = time.monotonic()
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603
        command, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if line.startswith('{"step"'):
                step = json.loads(line)
                at[step.pop("step")] = time.monotonic() - began
                told |= step
            if ANSWERED in at:
                break
        # vLLM's engine is a process of its own, which holds the pipe.
        os.killpg(process.pid, signal.SIGKILL)
        errors = process.stderr.read()
    if ANSWERED not in at:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=errors)
    phases = told.get("phases_ms")
    return Start(name, cache, at[READY], at[ANSWERED], str(told["answer"]), phases if isinstance(phases, dict) else {})


def _table(starts: Sequence[Start], options: argparse.Namespace) -> str:
    lines = [
        f"{len(starts)} starts on {platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"{datetime.now(UTC):%Y-%m-%d}; {'with' if options.sdk else 'without'} the serverless SDK. Medians (range).",
        "",
        "| page cache | process | ready | first answer | of naive |",
        "|---|---|---|---|---|",
    ]
    for cache in options.cache:
        naive = statistics.median(one.answered_s for one in starts if (one.cache, one.contestant) == (cache, "naive"))
        for name in dict.fromkeys(one.contestant for one in starts):
            those = [one for one in starts if (one.cache, one.contestant) == (cache, name)]
            if not those:
                continue
            answered = [one.answered_s for one in those]
            lines.append(
                f"| {cache} | {name} | {statistics.median(one.ready_s for one in those):.1f} s "
                f"| {statistics.median(answered):.1f} s ({min(answered):.1f} to {max(answered):.1f}) "
                f"| {statistics.median(answered) / naive:.2f} |"
            )
    ours = [one.phases_ms for one in starts if one.phases_ms and one.cache == options.cache[0]]
    phases = {name: statistics.median(one[name] for one in ours) for name in ours[0]}
    lines += ["", "Phases: " + ", ".join(f"{name} {ms / 1000:.2f} s" for name, ms in phases.items()) + "."]
    return "\n".join(lines) + "\n"


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind")
    parser.add_argument("--cache", nargs="+", choices=("warm", "cold"), default=["warm", "cold"])
    parser.add_argument("--no-sdk", dest="sdk", action="store_false", help="leave out the serverless SDK's import")
    parser.add_argument("--vllm", help="Python of an environment with vLLM")
    parser.add_argument("--vllm-rounds", type=int, default=1)
    parser.add_argument(
        "--work", type=Path, default=Path("build") / "bench-cold-start", help="folder for the naive one"
    )
    parser.add_argument("--report", type=Path, default=Path("build") / "cold-start.json")
    return parser.parse_args(words)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
