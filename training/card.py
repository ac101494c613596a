"""The adapter's model card: README.md beside its weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.engine.provenance import Provenance

# In the order of the table: the figure, what it is called, and whether more is better (None: neither).
_LINES: tuple[tuple[str, str, bool | None], ...] = (
    ("f1", "F1 on answerable questions, retrieved sentences", True),
    ("em", "exact match, retrieved sentences", True),
    ("f1_gold", "F1, gold paragraph alone", True),
    ("em_gold", "exact match, gold paragraph alone", True),
    ("near_miss", "AUROC answerable / nearly answerable, model alone", True),
    ("confidence", "AUROC answerable / nearly answerable, product's confidence", True),
    ("grammar", "outputs that follow the grammar", True),
    ("copied", "wordings that stand in the picked sentence", True),
    ("picked", "answerable, the picked sentence has a gold answer", True),
    ("ranked", "answerable, the best sentence by ranking has one", None),
    ("said_nothing", "answerable, model holds that nothing answers", False),
    ("saw_through", "nearly answerable, model holds that nothing answers", True),
    ("answered", "answerable, answered (mode auto)", True),
    ("right", "answerable, the answer holds a gold answer (mode auto)", True),
    ("refused", "nearly answerable, not answered (mode auto)", True),
    ("quotes_valid", "quotes valid byte for byte", True),
    ("tokens", "tokens generated per question", None),
    ("ms", "milliseconds per generation", None),
)
_NOTICE = 0.005


def write_card(folder: Path, provenance: Provenance) -> None:
    """Write README.md from the adapter's provenance."""
    (folder / "README.md").write_text(card(provenance), encoding="utf-8")


def card(provenance: Provenance) -> str:
    """The model card as Markdown."""
    training, figures = provenance.training, provenance.figures or {}
    lines = [
        "---", "library_name: peft", f"base_model: {provenance.base}", "language: [en, es]", "---", "",
        f"# LoRA adapter for {provenance.base}", "",
        "Answers a question from numbered sentences: `the words of sentence 2 that answer [2]`, or `[0]` if none does.",
        "",
        f"Made {provenance.made} with `python -m training` on {training.get('examples')} examples "
        f"({training.get('tokens'):,} tokens, seed {provenance.seed}): rank {training.get('rank')}, "
        f"learning rate {training.get('learning_rate')}, {training.get('steps')} steps of {training.get('batch')} "
        f"groups, {training.get('tokens_per_second')} tokens per second, held-out loss "
        f"{training.get('held_out_loss')}. `provenance.json` has all of it, and what the adapter must be loaded with.",
        "",
        *_origin(training.get("from")),
    ]  # fmt: skip
    for name, of in figures.get("sets", {}).items():
        lines += _table(name, of["base"], of["adapter"])
    if figures:
        lines += [_where(figures["environment"]), ""]
        lines += _worse(figures["sets"])
    return "\n".join(lines)


def _origin(known: Mapping[str, Any] | None) -> list[str]:
    """What it was trained further from."""
    if known is None:
        return []
    earlier = known.get("training", {})
    steps = f", which had {earlier['steps']} steps on {earlier['examples']} examples" if earlier else ""
    return [f"Training began with the adapter `{known['adapter']}`{steps}.", ""]


def _where(environment: Mapping[str, Any]) -> str:
    machine = environment["gpu"] or f"{environment['cpu']}, {environment['cores']} cores"
    settings = ", ".join(f"`{name.upper()}={value}`" for name, value in environment["settings"].items())
    return (
        f"Greedy decoding, the same prompts for both. {machine}, {environment['date'][:10]}, "
        f"`{environment['command']}`, {settings}."
    )


def _table(name: str, base: Mapping[str, Any], adapter: Mapping[str, Any]) -> list[str]:
    lines = [f"## {name}", "", "| figure | base | adapter |", "|---|---|---|"]
    lines.append(f"| questions | {base['questions']} | {adapter['questions']} |")
    lines += [f"| {title} | {_number(base[key])} | {_number(adapter[key])} |" for key, title, _ in _LINES]
    lines += ["", "| MIN_CONFIDENCE (adapter) | answerable: right | nearly answerable: not answered |", "|---|---|---|"]
    lines += [
        f"| {least} | {_number(right)} | {_number(refused)} |"
        for least, (right, refused) in adapter["least_confidence"].items()
    ]
    return [*lines, ""]


def _worse(sets: Mapping[str, Any]) -> list[str]:
    """Where the adapter is worse than the base on the same questions: nobody should have to look for it."""
    found = [
        f"- {name}: {title}, {_number(of['shared'][key])} against {_number(of['base'][key])}"
        for name, of in sets.items()
        for key, title, more in _LINES
        if more is not None and _is_worse(of["base"][key], of["shared"][key], more)
    ]
    asked = ", ".join(f"{of['base']['questions']} of {name}" for name, of in sets.items())
    heading = ["## Where it is worse than the base", "", f"On the questions that both were asked: {asked}.", ""]
    return [*heading, *(found or ["Nowhere in these tables."]), ""]


def _is_worse(base: float | None, adapter: float | None, more_is_better: bool) -> bool:
    if base is None or adapter is None:
        return False
    return (base - adapter if more_is_better else adapter - base) > _NOTICE


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if value <= 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
