"""The language model that the settings name, loaded."""

from collections.abc import Sequence
from pathlib import Path

from agent.engine.base import Engine
from agent.engine.no_engine import NoEngine
from agent.engine.options import ADAPTER_NAME, EngineOptions
from agent.load_errors import ConfigurationError
from agent.model_source import locate
from agent.settings import (
    EMBEDDED_ADAPTER,
    EMBEDDED_ADAPTER_NAME,
    EMBEDDED_LLM,
    LORA_AUTO,
    NO_ADAPTER,
    NO_MODEL,
    Settings,
)
from agent.telemetry.clock import Phase, untold


def load_language_model(settings: Settings, phase: Phase = untold) -> Engine:
    """The engine with base model and adapters in it; `phase` is told how long the adapters took.

    Raises:
        ModelNotFound, ModelInvalid, AdapterMismatch, ConfigurationError: see `agent.load_errors`.
    """
    if settings.base_model == NO_MODEL:
        return NoEngine()
    if settings.engine == "vllm":
        try:
            from agent.engine.vllm.engine import VllmEngine
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                "ENGINE is vllm, but vLLM is not installed: see requirements-vllm.txt.", detail=repr(error)
            ) from error
        return VllmEngine(engine_options(settings))
    if settings.tensor_parallel > 1:
        raise ConfigurationError("TENSOR_PARALLEL needs ENGINE=vllm.")
    from agent.engine.transformers_engine import TransformersEngine  # torch and transformers take seconds to import

    return TransformersEngine(engine_options(settings), phase)


def engine_options(settings: Settings) -> EngineOptions:
    """What the settings say to an engine.

    Raises:
        ModelNotFound: base model or an adapter is nowhere.
        ConfigurationError: an adapter's name is not valid, comes twice, or is not there to be the default;
            ADAPTER_FOLDER is no folder.
    """
    adapters = adapter_folders(settings)
    return EngineOptions(
        folder=locate(settings.base_model, "BASE_MODEL", settings),
        name=settings.base_model.rstrip("/").rsplit("/", 1)[-1],
        adapters=adapters,
        default_adapter=default_adapter(settings, tuple(adapters)),
        adapter_folder=_adapter_folder(settings),
        most_adapters=settings.max_adapters,
        device=settings.device,
        dtype=settings.dtype,
        threads=settings.torch_threads,
        most_running=settings.max_generations,
        cache_mib=settings.kv_cache_mib,
        step_tokens=settings.step_tokens,
        drafts=settings.prompt_lookup,
        hung_s=settings.hung_step_s,
        tensor_parallel=settings.tensor_parallel,
    )


def adapter_folders(settings: Settings) -> dict[str, Path]:
    """Name and folder of each adapter in LORA_MODEL, in order.

    Raises:
        ConfigurationError: a name is not valid or comes twice.
        ModelNotFound: an adapter is nowhere.
    """
    folders: dict[str, Path] = {}
    wanted = _shipped(settings) if settings.lora_model == LORA_AUTO else settings.lora_model
    for entry in filter(None, (part.strip() for part in wanted.split(","))):
        name, separator, value = entry.partition("=")
        if not separator:
            name, value = entry.rstrip("/").rsplit("/", 1)[-1], entry
        if not ADAPTER_NAME.fullmatch(name) or name in folders:
            raise ConfigurationError("LORA_MODEL has an adapter name that is not valid or comes twice.", detail=name)
        folders[name] = locate(value, f"The adapter {name} of LORA_MODEL", settings)
    return folders


def _adapter_folder(settings: Settings) -> Path | None:
    if not settings.adapter_folder:
        return None
    folder = Path(settings.adapter_folder)
    if not folder.is_dir():
        raise ConfigurationError("ADAPTER_FOLDER is no folder.", detail=str(folder))
    return folder


def _shipped(settings: Settings) -> str:
    fits = settings.base_model == EMBEDDED_LLM and Path(EMBEDDED_ADAPTER).is_dir()
    return f"{EMBEDDED_ADAPTER_NAME}={EMBEDDED_ADAPTER}" if fits else ""


def default_adapter(settings: Settings, names: Sequence[str]) -> str | None:
    """The adapter of a request that names none: DEFAULT_ADAPTER, or the first one, or none.

    Raises:
        ConfigurationError: DEFAULT_ADAPTER is none of `names`.
    """
    wanted = settings.default_adapter
    if wanted == NO_ADAPTER or not (wanted or names):
        return None
    if wanted and wanted not in names:
        raise ConfigurationError("DEFAULT_ADAPTER is not among the adapters of LORA_MODEL.", detail=wanted)
    return wanted or names[0]
