"""A job's result for a person to read, in local mode."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape


def report(
    job: dict[str, Any], result: dict[str, Any], console: Console, not_loaded: Mapping[str, Any] | None = None
) -> None:
    """Print question, answer and numbered sources; why there is no answer, and what came closest; or the error.

    `not_loaded` is the `error` of `Runtime.health`: why there was nothing that could have answered.
    """
    question = job.get("input", {}).get("question") if isinstance(job.get("input"), dict) else None
    console.print(f"\n[bold]Question[/bold]  {escape(str(question))}", soft_wrap=True)
    if "error" in result:
        problem = json.loads(result["error"])
        console.print(f"[bold red]Error[/bold red]     {problem['code']}: {escape(problem['detail'])}", soft_wrap=True)
        if not_loaded is not None:
            _print_reason(f"{not_loaded['code']}: {not_loaded['message']}", console)
        return
    console.print(f"[bold]Answer[/bold]    {escape(result['answer'])}\n", soft_wrap=True)
    for citation in result["citations"]:
        _print_passage(f"[{citation['id']}]", citation, citation["quote"], console)
    if result["abstained"]:
        _print_reason(result["reason"], console)
    for nearest in result["nearest"]:
        _print_passage("near", nearest, nearest["text"], console)
    console.print(f"\n[dim]{escape(_footer(result))}[/dim]", soft_wrap=True)


def _print_reason(reason: str, console: Console) -> None:
    console.print(f"[bold]Reason[/bold]    {escape(reason)}", soft_wrap=True)


def _print_passage(label: str, passage: dict[str, Any], text: str, console: Console) -> None:
    headed = passage["heading"] not in ("", passage["title"])
    title = f"{passage['title']} — {passage['heading']}" if headed else passage["title"]
    page = f", page {passage['page']}" if passage["page"] is not None else ""
    place = f"{passage['source']}{page}, characters {passage['start']}-{passage['end']}"
    console.print(f"  {escape(label)} {escape(title)} ({escape(place)})", soft_wrap=True)
    console.print(f"      “{escape(' '.join(text.split()))}”", soft_wrap=True)


def _footer(result: dict[str, Any]) -> str:
    usage, timings = result["usage"], result["timings"]
    parts = [
        f"model {result['model']}",
        f"adapter {result['adapter'] or 'none'}",
        f"index {result['index']}",
        f"confidence {result['confidence']:.2f}",
        f"{usage['prompt_tokens']} + {usage['completion_tokens']} tokens",
        f"{timings['total_ms'] / 1000:.1f} s",
    ]
    return " · ".join(parts)
