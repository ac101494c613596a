"""Every reason why the service could not load, with what to do about it.

These never reach a caller as they are: `/health`, the log and `python -m agent.doctor` show them, and a job gets
`ModelUnavailable` with the code as its `reason`.

    LoadError                     load_failed
    x ConfigurationError          configuration_error
    x ModelNotFound               model_not_found
    x ModelInvalid                model_invalid
    x AdapterMismatch             adapter_mismatch
    x StoreMissing                store_missing
    x StoreCorrupt                store_corrupt
    x StoreMismatch               store_mismatch
"""

from typing import ClassVar


class LoadError(Exception):
    """Why the service is not ready, in one line that names the setting and the remedy.

    Args:
        message: what is wrong; safe to show: no path, key or Python text.
        detail: for the log and the operator.
        remedy: what to do, where that is another than is usual for this kind of error; safe to show.
    """

    code: ClassVar[str] = "load_failed"
    _usual_remedy: ClassVar[str] = "Read the detail in the log, and docs/troubleshooting.md."

    def __init__(self, message: str, *, detail: str = "", remedy: str = "") -> None:
        self.message = message
        self.detail = detail
        self.remedy = remedy or self._usual_remedy
        super().__init__(f"{message} {detail}".strip())


class ConfigurationError(LoadError):
    """A setting, or two settings together, cannot work."""

    code = "configuration_error"
    _usual_remedy = "Set it as docs/configuration.md says."


class ModelNotFound(LoadError):
    """A model or adapter is at none of the places it is looked for."""

    code = "model_not_found"
    _usual_remedy = "Name a folder that is there, or a Hub id that is cached, or set ALLOW_DOWNLOADS=true."


class ModelInvalid(LoadError):
    """The model's files are there but cannot be read as a model."""

    code = "model_invalid"
    _usual_remedy = "Copy the model again: config.json, tokenizer.json and *.safetensors are needed."


class AdapterMismatch(LoadError):
    """The adapter was made for another base model, or is none."""

    code = "adapter_mismatch"
    _usual_remedy = "Name the base model that it was trained on in BASE_MODEL, or leave it out of LORA_MODEL."


class StoreMissing(LoadError):
    """There is no store at `RAG_STORE`."""

    code = "store_missing"
    _usual_remedy = "Set RAG_STORE to where the store is, or build one there with `make ingest DOCS=folder`."


class StoreCorrupt(LoadError):
    """A file of the store is missing or is not what its manifest says."""

    code = "store_corrupt"
    _usual_remedy = "Build the store of RAG_STORE again with `make ingest DOCS=folder`."


class StoreMismatch(LoadError):
    """The store was built with another embedding model or by another version."""

    code = "store_mismatch"
    _usual_remedy = "Build the store of RAG_STORE again with `make ingest DOCS=folder`."
