"""Everything that is looked at. Each check tells what it finds, or why it did not look, and lets the next one look."""

import json
import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from agent.doctor.finding import Finding, error, ok, skipped, warning
from agent.doctor.machine import Machine, nearest
from agent.language_model import adapter_folders, default_adapter
from agent.load_errors import AdapterMismatch, LoadError, ModelInvalid, ModelNotFound
from agent.model_source import hub_cache, is_hub_id, locate
from agent.retrieval.loading import embedder_folder, reranker_folder
from agent.retrieval.model_files import fingerprint_of
from agent.settings import NO_MODEL, Settings
from agent.store.store import Store
from agent.unknown_name import unknown_names

Check = Callable[[Settings, Machine], Iterator[Finding]]

_GIB = 1024**3
# The interpreter and its libraries, the index, the embedder, and what a step computes with: measured with the embedded
# models, of which 1.66 GiB at the most are in use with a KV cache of 90 MiB and 0.26 GB of weights.
_PROCESS_BYTES = 1_430_000_000
# Below that the KV cache has hardly room for several answers at once.
_LEAST_CACHE_BYTES = 1_000_000_000
_DOWNLOAD_BYTES = 20 * _GIB
# Why something is skipped.
_NONE = "None is set."
_NO_MODEL = "BASE_MODEL is none."
_BAD_MODEL = "It depends on BASE_MODEL, which could not be looked at."


def names(_settings: Settings, _machine: Machine) -> Iterator[Finding]:
    """No setting is misspelt; that would explain what the other checks find."""
    unknown = unknown_names(Settings)
    for name in unknown:
        yield warning(name.name, str(name), "Correct or remove it, unless another program reads it.")
    if not unknown:
        yield ok("names", "No setting is misspelt.")


def store(settings: Settings, _machine: Machine) -> Iterator[Finding]:
    """It is there, whole, of this version and of this embedder."""
    try:
        opened = Store(settings.rag_store)
    except LoadError as failure:
        yield _failed("RAG_STORE", failure)
        return
    manifest = opened.manifest
    opened.close()
    yield ok("RAG_STORE", f"{manifest.documents} documents, {manifest.chunks} chunks, every hash is right.")
    try:
        folder = embedder_folder(_offline(settings))
    except LoadError:
        folder = None
    if folder is None or not _is_embedder(folder):
        yield skipped("RAG_STORE", "Whether it fits EMBEDDING_MODEL, which has an error.")
    elif fingerprint_of(folder) != manifest.embedder_fingerprint:
        yield error(
            "RAG_STORE",
            f"It was built with another embedding model, {manifest.embedder}.",
            "Build it again with `make ingest DOCS=folder`, or set EMBEDDING_MODEL to that one.",
        )


def embedder(settings: Settings, _machine: Machine) -> Iterator[Finding]:
    """It is there and has the files of its format."""
    try:
        folder = embedder_folder(_offline(settings))
    except LoadError as failure:
        yield _absent("EMBEDDING_MODEL", failure, settings)
        return
    if not _is_embedder(folder):
        yield _failed("EMBEDDING_MODEL", ModelInvalid("It is no sentence-transformers model in safetensors."))
        return
    yield ok("EMBEDDING_MODEL", f"{folder.name}, {_gib(_weights_bytes(folder))}.")


def reranker(settings: Settings, _machine: Machine) -> Iterator[Finding]:
    """It is there, if there is to be one."""
    try:
        folder = reranker_folder(_offline(settings))
        if folder and (missing := _missing(folder)):
            yield _failed("RERANKER_MODEL", ModelInvalid(f"{folder.name} has no {', '.join(missing)}."))
        elif folder:
            yield ok("RERANKER_MODEL", f"{folder.name}, {_gib(_weights_bytes(folder))}.")
        else:
            yield skipped("RERANKER_MODEL", _NONE)
    except LoadError as failure:
        yield _absent("RERANKER_MODEL", failure, settings)


def base_model(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """It is there, its files are of a kind that is loaded, and there is memory for it."""
    if settings.base_model == NO_MODEL:
        yield ok("BASE_MODEL", "none: answers are quotes.")
        yield skipped("memory", _NO_MODEL)
        return
    try:
        folder = locate(settings.base_model, "BASE_MODEL", _offline(settings))
    except LoadError as failure:
        yield _absent("BASE_MODEL", failure, settings)
        yield skipped("memory", _BAD_MODEL)
        return
    if missing := _missing(folder):
        yield _failed("BASE_MODEL", ModelInvalid(f"{folder.name} has no {', '.join(missing)}."))
        yield skipped("memory", _BAD_MODEL)
        return
    stored = _weights_bytes(folder)
    yield ok("BASE_MODEL", f"{folder.name}, {_gib(stored)} of weights.")
    yield _memory(settings, machine, stored * _loaded_as(settings, machine) // _stored_as(folder))


def engine(settings: Settings, _machine: Machine) -> Iterator[Finding]:
    """What runs the model is installed."""
    if settings.base_model == NO_MODEL:
        yield skipped("ENGINE", _NO_MODEL)
    elif settings.engine == "vllm" and find_spec("vllm") is None:
        yield error("ENGINE", "It is vllm, which is not installed here.", "See requirements-vllm.txt, or leave it out.")
    elif settings.engine != "vllm" and settings.tensor_parallel > 1:
        yield error("TENSOR_PARALLEL", "Only vLLM shares a model among GPUs.", "Set ENGINE=vllm, or leave it out.")
    else:
        yield ok("ENGINE", f"{settings.engine}.")


def adapters(settings: Settings, _machine: Machine) -> Iterator[Finding]:
    """Each is there and fits the base model; the default one is among them."""
    if settings.base_model == NO_MODEL:
        yield skipped("LORA_MODEL", _NO_MODEL)
        return
    try:
        folders = adapter_folders(_offline(settings))
        default_adapter(settings, tuple(folders))
    except LoadError as failure:
        subject = "DEFAULT_ADAPTER" if "DEFAULT_ADAPTER" in failure.message else "LORA_MODEL"
        yield _absent(subject, failure, settings)
        return
    if not folders:
        yield skipped("LORA_MODEL", _NONE)
        return
    try:
        base = locate(settings.base_model, "BASE_MODEL", _offline(settings))
    except LoadError:
        base = None
    if base is None or _missing(base):
        yield skipped("LORA_MODEL", _BAD_MODEL)
        return
    from agent.doctor.fitting import BaseModel  # torch and transformers take seconds to import

    try:
        fitting = BaseModel(base, settings.base_model)
    except ModelInvalid as failure:
        yield _failed("BASE_MODEL", failure)
        yield skipped("LORA_MODEL", _BAD_MODEL)
        return
    for name, folder in folders.items():
        try:
            fitting.check(folder)
        except AdapterMismatch as failure:
            yield error("LORA_MODEL", f"{name}: {failure.message} ({failure.detail})", failure.remedy)
        else:
            yield ok("LORA_MODEL", f"{name} fits the base model.")


def device(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """What is to compute is there."""
    if settings.device == "cuda" and machine.gpu is None:
        yield error(
            "DEVICE",
            "It is cuda, but torch finds no CUDA device.",
            "Start the container with --gpus all on a driver for CUDA 13, or set DEVICE=auto.",
        )
    elif machine.gpu is not None and settings.device != "cpu":
        yield ok("DEVICE", f"{machine.gpu}, {_gib(machine.gpu_bytes)} free.")
    else:
        yield ok("DEVICE", f"CPU with {machine.cores} cores, {_gib(machine.memory_bytes)} of memory free.")


def folders(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """What is written to can be written to, and there is room for what may be downloaded."""
    ledger = settings.poison_ledger
    if ledger is None:
        yield skipped("POISON_LEDGER", _NONE)
    elif _can_be_written(ledger):
        yield ok("POISON_LEDGER", f"{ledger} can be written to.")
    else:
        yield error("POISON_LEDGER", f"{ledger} cannot be written to.", "Name a folder that can, on a volume.")
    if not settings.adapter_folder:
        yield skipped("ADAPTER_FOLDER", _NONE)
    elif Path(settings.adapter_folder).is_dir():
        yield ok("ADAPTER_FOLDER", f"{settings.adapter_folder} is a folder.")
    else:
        yield error("ADAPTER_FOLDER", f"{settings.adapter_folder} is no folder.", "Make it, or leave it empty.")
    if not settings.allow_downloads:
        yield skipped("ALLOW_DOWNLOADS", "It is false: nothing is downloaded.")
        return
    cache = hub_cache()
    free = machine.disk_bytes(cache)
    there = f"{_gib(free)} are free where models are downloaded to"
    if not _can_be_written(cache):
        yield error("ALLOW_DOWNLOADS", f"{cache} cannot be written to.", "Set HF_HOME to a folder that can.")
    elif free < _DOWNLOAD_BYTES:
        yield warning(
            "ALLOW_DOWNLOADS",
            f"{there}; 8B weights are 16 GB.",
            "Set HF_HOME to a larger disk, or take a larger container disk.",
        )
    else:
        yield ok("ALLOW_DOWNLOADS", f"{there}.")


def keys(settings: Settings, _machine: Machine) -> Iterator[Finding]:
    """The HTTP server would start; a worker needs no key."""
    if settings.auth_disabled:
        yield warning("AUTH_DISABLED", "Anybody may ask.", "Set API_KEYS or KEYS_FILE, and AUTH_DISABLED=false.")
    elif not settings.api_keys and settings.keys_file is None:
        yield warning(
            "API_KEYS", "The HTTP server does not start without a key; a worker does.", "Set API_KEYS or KEYS_FILE."
        )
    elif settings.keys_file is not None and not settings.keys_file.is_file():
        yield warning("KEYS_FILE", f"{settings.keys_file} is not there.", "Run `python -m local_server keys new NAME`.")
    elif settings.keys_file is not None:
        yield ok("KEYS_FILE", f"{settings.keys_file} is there.")
    else:
        yield ok("API_KEYS", f"{len(settings.api_keys)} set.")


CHECKS: tuple[Check, ...] = (names, device, engine, base_model, adapters, embedder, reranker, store, folders, keys)


def _loaded_as(settings: Settings, machine: Machine) -> int:
    """Bytes of a weight in memory."""
    return 4 if settings.dtype == "float32" or (settings.dtype == "auto" and not machine.has_bfloat16) else 2


def _stored_as(folder: Path) -> int:
    """Bytes of a weight on disk, as far as `config.json` tells."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return 4 if "float32" in (config.get("dtype"), config.get("torch_dtype")) else 2
    except (OSError, ValueError, AttributeError):
        return 2


def _memory(settings: Settings, machine: Machine, weights: int) -> Finding:
    on_gpu = machine.gpu is not None and settings.device != "cpu"
    least = weights + (0 if on_gpu else _PROCESS_BYTES)
    needed = least + (settings.kv_cache_mib * 1024 * 1024 or _LEAST_CACHE_BYTES)
    has = machine.gpu_bytes if on_gpu else machine.memory_bytes
    where = "of the GPU's memory" if on_gpu else "of memory"
    text = f"{_gib(needed)} {where} are needed, for weights and KV cache, and {_gib(has)} are free."
    if needed <= has:
        return ok("memory", text)
    remedy = "Take a smaller model or KV_CACHE_MIB, or a machine with more memory."
    if least > has:
        return error("BASE_MODEL", text, remedy)
    # A cache whose size nobody has set is as large as there is room for.
    return error("KV_CACHE_MIB", text, remedy) if settings.kv_cache_mib else warning("memory", text, remedy)


def _offline(settings: Settings) -> Settings:
    """Looking downloads nothing: there may be no room for it."""
    return settings.model_copy(update={"allow_downloads": False})


def _absent(subject: str, failure: LoadError, settings: Settings) -> Finding:
    if settings.allow_downloads and isinstance(failure, ModelNotFound) and is_hub_id(failure.detail):
        return skipped(subject, f"{failure.detail} is not here yet: the start downloads it.")
    return _failed(subject, failure)


def _failed(subject: str, failure: LoadError) -> Finding:
    detail = f" ({failure.detail})" if failure.detail else ""
    return error(subject, f"{failure.message}{detail}", failure.remedy)


def _missing(folder: Path) -> list[str]:
    return [name for name in ("config.json", "tokenizer.json", "*.safetensors") if not list(folder.glob(name))]


def _is_embedder(folder: Path) -> bool:
    return (folder / "modules.json").is_file() and bool(list(folder.rglob("*.safetensors")))


def _weights_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))


def _can_be_written(folder: Path) -> bool:
    there = nearest(folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _gib(count: int) -> str:
    return f"{count / _GIB:.1f} GiB"
