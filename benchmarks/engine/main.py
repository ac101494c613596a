"""python -m benchmarks engine: this engine beside `generate`, padded batches, transformers' continuous batching, and
vLLM and llama.cpp where they are installed; the same model, number format and prompts.
"""

import argparse
import importlib.util
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from transformers import AutoTokenizer

from benchmarks.engine.bandwidth import Bandwidth
from benchmarks.engine.contestants import CONTESTANTS, OPTIONAL
from benchmarks.engine.figures import LINES, decode_rate, figure, start
from benchmarks.engine.job import Load, Setup
from benchmarks.engine.loads import ADAPTERS, Loads, sentences_of
from benchmarks.engine.models import SHAPES, make_adapters, prepare
from benchmarks.engine.run import Round, run

_OURS = "askpod"


def main(words: Sequence[str]) -> int:
    """Exit status: 1 if this engine failed, 2 for a load that there is not."""
    options = _options(words)
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    folder = prepare(options.model, options.shape, work / "model")
    adapters = make_adapters(folder, ADAPTERS, work / "adapters")
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    loads = Loads(tokenizer, sentences_of(options.texts), options.seed, counting=options.shape is not None)
    on_gpu = options.device == "cuda"
    parts = {"base": (loads.base() + (loads.many() if on_gpu else []), []), "adapters": (loads.adapted(), adapters)}
    names = [load.name for known, _ in parts.values() for load in known]
    if unknown := set(options.loads or ()) - set(names):
        _say(f"There is no load {', '.join(sorted(unknown))}; there are: {'; '.join(dict.fromkeys(names))}.")
        return 2
    bandwidth = Bandwidth(folder, options.device, options.dtype) if on_gpu else None
    contestants = [name for name in CONTESTANTS if _runs(name, options)]
    rounds: list[Round] = []
    for number in range(options.rounds):
        for part, (known, given) in parts.items():
            if part not in options.parts:
                continue
            chosen = [load for load in known if not options.loads or load.name in options.loads]
            for name in contestants:
                setup = Setup(
                    str(folder), options.dtype, options.device, list(map(str, given)), str(options.gguf or "")
                )
                _say(f"round {number + 1}, {part}, {name}: {len(chosen)} loads ...")
                rounds.append(_round(name, setup, chosen, work / "spec.json", options))
                _keep(rounds, contestants, options, bandwidth)
                _say(f"round {number + 1}, {part}, {name}: {rounds[-1].failed or 'done'}")
    _say(_keep(rounds, contestants, options, bandwidth))
    if options.picture:
        from benchmarks.engine.picture import draw

        draw(rounds, contestants, options.picture)
    return int(any(one.failed for one in rounds if one.contestant == _OURS))


def _keep(
    rounds: Sequence[Round], contestants: Sequence[str], options: argparse.Namespace, bandwidth: Bandwidth | None
) -> str:
    """Write down what there is, so that a run that is ended loses nothing; the table."""
    text = _table(rounds, contestants, options, bandwidth)
    (options.work / "engine.md").write_text(text, encoding="utf-8")
    (options.work / "engine.json").write_text(json.dumps([asdict(one) for one in rounds]), encoding="utf-8")
    return text


def _round(name: str, setup: Setup, loads: Sequence[Load], spec: Path, options: argparse.Namespace) -> Round:
    python = {"vllm": options.vllm, "llama.cpp": options.llama}.get(name) or sys.executable
    return run(name, python, setup, loads, spec)


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks engine", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models") / "SmolLM2-135M-Instruct", help="base model")
    parser.add_argument("--shape", choices=SHAPES, help="weights of this shape that count, instead of the model's")
    parser.add_argument(
        "--texts", type=Path, default=Path("docs"), help="folder whose sentences the prompts are made of"
    )
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="bfloat16", help="number format of all")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=3, help="medians are over so many")
    parser.add_argument("--parts", nargs="+", choices=("base", "adapters"), default=["base", "adapters"])
    parser.add_argument("--loads", nargs="+", help="only loads of these names")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, help="only these contestants")
    parser.add_argument("--vllm", help="Python of an environment with vLLM")
    parser.add_argument("--llama", help="Python of an environment with llama-cpp-python")
    parser.add_argument("--gguf", type=Path, help="the model as GGUF, for llama.cpp")
    parser.add_argument("--seed", type=int, default=0, help="of the prompts")
    parser.add_argument("--work", type=Path, default=Path("build") / "bench-engine", help="folder for what it makes")
    parser.add_argument("--picture", type=Path, help="draw the table's main lines into this PNG; needs matplotlib")
    return parser.parse_args(words)


def _runs(name: str, options: argparse.Namespace) -> bool:
    if options.only and name not in options.only:
        return False
    if name not in OPTIONAL:
        return True
    given = {"vllm": options.vllm, "llama.cpp": options.llama}[name]
    return bool(given) or importlib.util.find_spec(OPTIONAL[name]) is not None


def _table(
    rounds: Sequence[Round], contestants: Sequence[str], options: argparse.Namespace, bandwidth: Bandwidth | None
) -> str:
    heads = ["", *contestants]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines.append(
        "| process start to first answer, s | " + " | ".join(_cell(start(rounds, c), 1) for c in contestants) + " |"
    )
    for title, load, measure, digits in LINES:
        cells = [_cell(figure(rounds, name, load, measure), digits) for name in contestants]
        if any(cell != "–" for cell in cells):
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    if bandwidth is not None:
        rates = [figure(rounds, name, "one", decode_rate) for name in contestants]
        shares = [_cell(None if rate is None else 100 * bandwidth.share(rate), 0) for rate in rates]
        title = f"all weights once for each of these, of the {bandwidth.bytes_per_second / 1e12:.1f} TB/s there are: %"
        lines.append(f"| {title} | " + " | ".join(shares) + " |")
    model = f"{options.shape} with weights that count" if options.shape else options.model.name
    lines += ["", f"{model}, {options.dtype}, {_machine(options.device)}, {time.strftime('%Y-%m-%d')}, medians of "
              f"{options.rounds} rounds: `python -m benchmarks engine {' '.join(sys.argv[2:])}`"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _cell(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _machine(device: str) -> str:
    if device == "cuda":
        return str(torch.cuda.get_device_name())
    return f"{_cpu()}, {os.cpu_count()} cores"


def _cpu() -> str:
    try:
        known = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        return next(line.split(":", 1)[1].strip() for line in known.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _say(text: str) -> None:
    sys.stdout.write(text.rstrip() + "\n")
    sys.stdout.flush()
