"""Where a model is: a local folder, the platform's cache, the Hugging Face cache, or, only if allowed, the Hub.

The platform keeps cached models at `/runpod-volume/huggingface-cache/hub/models--Org--Name/snapshots/<hash>`, with the
hash in `refs/main` (RunPod documentation, "Cached models").
"""

import os
import re
from errno import EACCES, EDQUOT, ENOSPC, EROFS
from pathlib import Path

from agent.load_errors import ModelNotFound
from agent.settings import EMBEDDED_EMBEDDER, EMBEDDED_LLM, Settings

PLATFORM_CACHE = Path("/runpod-volume/huggingface-cache/hub")

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def locate(value: str, setting: str, settings: Settings, platform_cache: Path = PLATFORM_CACHE) -> Path:
    """The folder that `value` (a folder or a Hub id) stands for; `setting` is what a message calls it.

    Raises:
        ModelNotFound: it is nowhere; the message names it and the remedy.
    """
    folder = Path(value)
    if value and folder.is_dir():  # nothing is not the folder that one is in
        return folder.resolve()
    if _HUB_ID.fullmatch(value):
        for cache in (platform_cache, hub_cache()):
            if (snapshot := _snapshot(cache, value)) is not None:
                return snapshot
        if settings.allow_downloads:
            return _download(value, setting, settings)
        hint, remedy = "It is no folder and in no cache on this machine, and ALLOW_DOWNLOADS is false.", ""
    else:
        hint, remedy = "There is no such folder.", "Name a folder that is there, or a Hub id such as Org/Name."
        if value in (EMBEDDED_LLM, EMBEDDED_EMBEDDER):
            remedy = "`make models` prepares it."
    raise ModelNotFound(f"{setting} was not found. {hint}", detail=value, remedy=remedy)


def is_hub_id(value: str) -> bool:
    """Whether it has the form of one, `Org/Name`, and is no folder here."""
    return _HUB_ID.fullmatch(value) is not None and not Path(value).is_dir()


def hub_cache() -> Path:
    """Where the Hugging Face libraries keep what they download."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub"))


def _snapshot(cache: Path, hub_id: str) -> Path | None:
    model = cache / f"models--{hub_id.replace('/', '--')}"
    reference = model / "refs" / "main"
    if reference.is_file():
        snapshot = model / "snapshots" / reference.read_text(encoding="utf-8").strip()
        if snapshot.is_dir():
            return snapshot
    found = sorted((model / "snapshots").glob("*")) if model.is_dir() else []
    return found[-1] if found else None


def _download(hub_id: str, setting: str, settings: Settings) -> Path:
    from huggingface_hub import constants, snapshot_download  # 0.3 s to import, and hardly anybody needs it

    # HF_HUB_OFFLINE is the image's, for everybody who has not said that downloads are allowed.
    constants.HF_HUB_OFFLINE = False
    try:
        folder = snapshot_download(hub_id, token=settings.hf_token.get_secret_value() or None)
    except (OSError, ValueError) as error:
        raise ModelNotFound(
            f"{setting} could not be downloaded.", detail=repr(error), remedy=_download_remedy(error)
        ) from error
    return Path(folder)


def _download_remedy(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT):
        return "Set HF_HOME to a larger disk."
    if isinstance(error, OSError) and error.errno in (EACCES, EROFS):
        return "Set HF_HOME to a folder that can be written to."
    return "Look whether the Hub can be reached, the name is right and HF_TOKEN may read it; or name a folder."
