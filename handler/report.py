"""A job's result for a person to read, in local mode."""

import json
from typing import Any

from rich.console import Console
from rich.markup import escape


def report(job: dict[str, Any], result: dict[str, Any], console: Console) -> None:
    """Print question, answer and numbered sources; or the error."""
    question = job.get("input", {}).get("question") if isinstance(job.get("input"), dict) else None
    console.print(f"\n[bold]Question[/bold]  {escape(str(question))}", soft_wrap=True)
    if "error" in result:
        problem = json.loads(result["error"])
        console.print(f"[bold red]Error[/bold red]     {problem['code']}: {escape(problem['detail'])}", soft_wrap=True)
        return
    console.print(f"[bold]Answer[/bold]    {escape(result['answer'])}\n", soft_wrap=True)
    for citation in result["citations"]:
        place = f"{citation['source']}, characters {citation['start']}-{citation['end']}"
        console.print(f"  \\[{citation['id']}] {escape(citation['title'])} ({escape(place)})", soft_wrap=True)
        console.print(f"      “{escape(' '.join(citation['quote'].split()))}”", soft_wrap=True)
    console.print(f"\n[dim]{escape(_footer(result))}[/dim]", soft_wrap=True)


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
