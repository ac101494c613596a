"""python -m benchmarks engine: this engine beside `generate`, padded batches, transformers' continuous batching, and
vLLM and llama.cpp where they are installed; the same model, number format and prompts.
"""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoTokenizer

from benchmarks.engine.bandwidth import Bandwidth
from benchmarks.engine.contestants import CONTESTANTS, OPTIONAL
from benchmarks.engine.figures import LINES, decode_rate, figure, start
from benchmarks.engine.job import Load, Setup
from benchmarks.engine.loads import ADAPTERS, ASKERS, ASKERS_ON_A_GPU, Loads, sentences_of
from benchmarks.engine.models import SHAPES, make_adapters, prepare
from benchmarks.engine.report import Report
from benchmarks.engine.run import Round, run
from benchmarks.measured import Measured

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
    base, adapted = loads.base() + (loads.many() if on_gpu else []), loads.adapted()
    base += loads.askers(ASKERS + (ASKERS_ON_A_GPU if on_gpu else ()))
    parts = {"base": (base, []), "adapters": (adapted, adapters)}
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
    if importlib.util.find_spec("matplotlib"):
        from benchmarks.engine.picture import draw

        picture: Path = options.picture or work / "engine.png"
        draw(_report(rounds, options), picture)
        _say(f"\nPicture: {picture}")
    return int(any(one.failed for one in rounds if one.contestant == _OURS))


def _keep(
    rounds: Sequence[Round], contestants: Sequence[str], options: argparse.Namespace, bandwidth: Bandwidth | None
) -> str:
    """Write down what there is, so that a run that is ended loses nothing; the table."""
    text = _table(rounds, contestants, options, bandwidth)
    (options.work / "engine.md").write_text(text, encoding="utf-8")
    _report(rounds, options).write(options.work / "engine.json")
    return text


def _report(rounds: Sequence[Round], options: argparse.Namespace) -> Report:
    machine = str(torch.cuda.get_device_name()) if options.device == "cuda" else ""
    model = f"{options.shape} with weights that count" if options.shape else options.model.name
    return Report(Measured.now(["engine", *options.words], machine), f"{model}, {options.dtype}", rounds)


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
    parser.add_argument(
        "--picture", type=Path, help="PNG to draw, where matplotlib is; engine.png in --work if left out"
    )
    return parser.parse_args(words, argparse.Namespace(words=words))


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
    report = _report(rounds, options)
    machine, date, command = report.measured.machine, report.measured.date, report.measured.command
    lines += ["", f"{report.model}, {machine}, {date}, medians of {options.rounds} rounds: `{command}`"]
    return "\n".join(lines) + "\n"


def _cell(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _say(text: str) -> None:
    sys.stdout.write(text.rstrip() + "\n")
    sys.stdout.flush()
