"""python -m tools.hub: .runpod/hub.json, what the platform's Hub shows and asks of whoever deploys Askpod from it.

The format is that of the platform's documentation ("Publishing guide", Hub). The inputs are the settings themselves, so
the file says nothing that the settings do not; a test compares the two.
"""

import json
import sys
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from agent.settings import EMBEDDED_LLM, Settings

HUB = Path(".runpod/hub.json")
# The HTTP server's and the ingestion's: a worker has neither. What the image and the platform decide is left out too.
NOT_ASKED = frozenset(
    "api_keys keys_file auth_failures_per_minute auth_disabled host port metrics_port docs_enabled page_enabled "
    "max_body_bytes key_concurrency key_per_minute chunk_tokens chunk_overlap_tokens tensor_parallel engine".split()
)
# Those that somebody who deploys it for the first time wants to see; the others are folded away.
_FIRST = ("base_model", "lora_model", "default_adapter", "rag_store", "max_tokens", "handler_concurrency", "hf_token",
          "allow_downloads")  # fmt: skip
_NAMES = {
    "rag_store": "Store",
    "lora_model": "LoRA adapters",
    "hf_token": "Hugging Face token",
    "kv_cache_mib": "KV cache (MiB)",
    "top_k": "Passages (top k)",
    "dtype": "Data type",
    "min_relevance": "Least relevance",
}
_SEVEN_B = "Qwen/Qwen2.5-7B-Instruct"
_DISK_GB = 40
# What the CUDA wheels of the pinned torch are built for.
_CUDA = "13.0"


class _Type(Enum):
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"


def hub() -> dict[str, Any]:
    """The whole file."""
    return {
        "title": "Askpod",
        "description": "Answers questions from your own documents, with your own LoRA adapters and the sources quoted: "
        "agents, retrieval and an engine in one worker. English and Spanish; try it with the guides it ships with.",
        "type": "serverless",
        "category": "language",
        "config": {
            "runsOn": "GPU",
            "containerDiskInGb": _DISK_GB,
            "gpuCount": 1,
            "gpuIds": "AMPERE_24,ADA_24,AMPERE_48,ADA_48_PRO",
            "minCudaVersion": _CUDA,
            "presets": _presets(),
            "env": [_input(name, field) for name, field in Settings.model_fields.items() if name not in NOT_ASKED],
        },
    }


def _presets() -> list[dict[str, Any]]:
    large = {
        "BASE_MODEL": _SEVEN_B,
        "ALLOW_DOWNLOADS": True,
        "DTYPE": "bfloat16",
        "MAX_TOKENS": 256,
        "HANDLER_CONCURRENCY": 32,
    }
    return [
        {"name": "Small demo (CPU)", "defaults": {"BASE_MODEL": EMBEDDED_LLM, "LORA_MODEL": "auto", "DEVICE": "cpu"}},
        {"name": "7-8B on 24 GB", "defaults": large | {"LORA_MODEL": ""}},
        {
            "name": "7-8B with several adapters",
            "defaults": large
            | {
                "LORA_MODEL": "support=/runpod-volume/adapters/support,legal=/runpod-volume/adapters/legal",
                "DEFAULT_ADAPTER": "support",
                "ADAPTER_FOLDER": "/runpod-volume/adapters",
                "MAX_ADAPTERS": 8,
            },
        },
    ]


def _input(name: str, field: FieldInfo) -> dict[str, Any]:
    kind, options = _kind(field.annotation)
    asked: dict[str, Any] = {
        "name": _NAMES.get(name, name.replace("_", " ").capitalize()),
        "type": kind.value,
        "description": field.description,
        "default": _default(field.default),
    }
    if options:
        asked["options"] = [{"label": option, "value": option} for option in options]
    for limit in field.metadata:
        if isinstance(limit, Ge | Gt):
            # The form knows no "more than"; the next whole number is the least that it lets through.
            asked["min"] = limit.ge if isinstance(limit, Ge) else int(limit.gt) + 1  # type: ignore[call-overload]
        elif isinstance(limit, Le):
            asked["max"] = limit.le
    if kind is _Type.BOOLEAN:
        asked |= {"trueValue": "true", "falseValue": "false"}
    if name not in _FIRST:
        asked["advanced"] = True
    return {"key": name.upper(), "input": asked}


def _kind(annotation: Any) -> tuple[_Type, tuple[str, ...]]:  # noqa: ANN401 - whatever a field may be annotated with
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = [one for one in get_args(annotation) if one is not NoneType]
    if get_origin(annotation) is Literal:
        return _Type.STRING, get_args(annotation)
    if annotation is bool:
        return _Type.BOOLEAN, ()
    return (_Type.NUMBER if annotation in (int, float) else _Type.STRING), ()


def _default(value: object) -> bool | int | float | str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool | int | float):
        return value
    return "" if value is None else str(value)


def main() -> int:
    """Write it."""
    HUB.parent.mkdir(exist_ok=True)
    HUB.write_text(json.dumps(hub(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stderr.write(f"Written: {HUB}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
