"""python -m benchmarks cold_start: from a process's start to its first answer, with a warm and with a cold page cache.

Beside it a course's way of loading the same models and, where it is installed, vLLM's engine.
"""

import argparse
import importlib.util
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from agent.settings import EMBEDDED_LLM, Settings
from agent.store.manifest import BUILDS, INDEX_FILE
from agent.store.store import Store
from benchmarks.cold_start.report import Report, Start, Step
from benchmarks.cold_start.steps import ANSWERED, INDEX, READY, TEXTS
from benchmarks.measured import Measured

_DROP_CACHES = Path("/proc/sys/vm/drop_caches")
_PATIENCE_S = 900


def main(words: Sequence[str]) -> int:
    """Exit status: 1 if a process failed, 2 if the page cache cannot be emptied here."""
    options = _options(words)
    may_empty = os.access(_DROP_CACHES, os.W_OK)
    if "cold" in (options.cache or ()) and not may_empty:
        _say("Only root can empty the page cache: say --cache warm.")
        return 2
    caches = options.cache or (["warm", "cold"] if may_empty else ["warm"])
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
            for cache in caches:
                for name, command in commands.items():
                    if name == "vllm" and number >= options.vllm_rounds:
                        continue
                    starts.append(_start(name, cache, command))
                    _say(f"round {number + 1}, {cache}, {name}: {starts[-1].answered_s:.1f} s")
    except subprocess.CalledProcessError as error:
        _say(f"{error}\n{error.stderr[-2000:]}")
        return 1
    report = Report(Measured.now(["cold_start", *words]), options.sdk, starts)
    report.write(options.report)
    sys.stdout.write(f"{_table(report)}\n")
    if importlib.util.find_spec("matplotlib"):
        from benchmarks.cold_start.picture import draw

        picture = options.report.with_suffix(".png")
        draw(report, picture)
        sys.stdout.write(f"Picture: {picture}\n")
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
    steps: list[Step] = []
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
                steps.append(_step(step.pop("step"), step.pop("ms", None), time.monotonic() - began, steps))
                told |= step
            if steps and steps[-1].name == ANSWERED:
                break
        # vLLM's engine is a process of its own, which holds the pipe.
        os.killpg(process.pid, signal.SIGKILL)
        errors = process.stderr.read()
    at = {step.name: step.end_s for step in steps}
    if ANSWERED not in at:
        raise subprocess.CalledProcessError(process.returncode, command, stderr=errors)
    phases = told.get("phases_ms")
    known = phases if isinstance(phases, dict) else {}
    return Start(name, cache, at[READY], at[ANSWERED], str(told["answer"]), known, steps)


def _step(name: str, ms: float | None, now: float, before: Sequence[Step]) -> Step:
    if ms is None:
        return Step(name, before[-1].end_s if before else 0.0, now)
    return Step(name, max(0.0, now - ms / 1000), now)


def _table(report: Report) -> str:
    starts, caches = report.starts, list(dict.fromkeys(one.cache for one in report.starts))
    lines = [
        f"{len(starts)} starts on {report.measured.machine}, {report.measured.date}; "
        f"{'with' if report.sdk else 'without'} the serverless SDK. Medians (range).",
        "",
        "| page cache | process | ready | first answer | of naive |",
        "|---|---|---|---|---|",
    ]
    for cache in caches:
        naive = statistics.median(one.answered_s for one in report.of("naive", cache))
        for name in dict.fromkeys(one.contestant for one in starts):
            those = report.of(name, cache)
            if not those:
                continue
            answered = [one.answered_s for one in those]
            lines.append(
                f"| {cache} | {name} | {statistics.median(one.ready_s for one in those):.1f} s "
                f"| {statistics.median(answered):.1f} s ({min(answered):.1f} to {max(answered):.1f}) "
                f"| {statistics.median(answered) / naive:.2f} |"
            )
    ours = [one.phases_ms for one in starts if one.phases_ms and one.cache == caches[0]]
    phases = {name: statistics.median(one[name] for one in ours) for name in ours[0]}
    lines += ["", "Phases: " + ", ".join(f"{name} {ms / 1000:.2f} s" for name, ms in phases.items()) + "."]
    return "\n".join(lines) + "\n"


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind")
    parser.add_argument("--cache", nargs="+", choices=("warm", "cold"), help="both, where one may empty it")
    parser.add_argument("--no-sdk", dest="sdk", action="store_false", help="leave out the serverless SDK's import")
    parser.add_argument("--vllm", help="Python of an environment with vLLM")
    parser.add_argument("--vllm-rounds", type=int, default=1)
    parser.add_argument(
        "--work", type=Path, default=Path("build") / "bench-cold-start", help="folder for the naive one"
    )
    parser.add_argument(
        "--report", type=Path, default=Path("build") / "cold-start.json", help="a picture comes beside it"
    )
    return parser.parse_args(words)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
