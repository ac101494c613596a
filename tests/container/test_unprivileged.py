"""The image as its user meets it: a number without rights, in files that belong to somebody else."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.settings import Settings
from tests.conftest import ROOT
from tests.container.dockerfile import Stage
from tests.container.replay import replay
from tools.bake import bake

UID = 10001


@pytest.fixture
def baked_root(image: Stage, real_settings: Settings) -> Iterator[Path]:
    """A container's `/` with models and a store baked in as the build bakes them, which nobody may write to."""
    # Not under pytest's own folder, which only the user who runs the tests may enter.
    with tempfile.TemporaryDirectory(prefix="askpod-image-") as folder:
        root = Path(folder)
        replay(image, ROOT, root)
        values = image.environment()
        for setting in ("BASE_MODEL", "EMBEDDING_MODEL"):
            list(bake(values[setting], [ROOT], root / "app"))
        list(bake("store", [real_settings.rag_store.parent], root / "app"))
        (root / "app" / "store").rename(root / "app" / values["RAG_STORE"])
        (root / "home").mkdir()
        _allow(root, writable=False)
        yield root
        _allow(root, writable=True)


@pytest.mark.parametrize("home_mode", [0o700, 0o555])
def test_the_worker_needs_no_right_to_write(image: Stage, baked_root: Path, home_mode: int) -> None:
    """`python -m handler` answers test_input.json as the image's user, who may write to /tmp, and to home or not."""
    home = baked_root / "home"
    home.chmod(home_mode)
    before = sorted(baked_root.rglob("*"))
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)} | image.environment()

    result = subprocess.run(
        [*_as_the_image_user(home), sys.executable, "-m", "handler"],
        cwd=baked_root / "app",
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert 0 == result.returncode, result.stderr
    assert "X-API-KEY" in result.stdout
    assert before == [path for path in sorted(baked_root.rglob("*")) if home not in path.parents]


def _as_the_image_user(home: Path) -> list[str]:
    """What to put before a command. Whoever is not root is without rights in read-only files already.

    The one capability lets the image's user read the Python that runs the tests, wherever that is; it writes nothing.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root cannot become the image's user without setpriv")
    shutil.chown(home, UID, UID)
    identity = [f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
    return ["setpriv", *identity, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


def _allow(root: Path, *, writable: bool) -> None:
    """Readable to all; `writable` is whether the owner may change it, which root always may."""
    for path in (root, *root.rglob("*")):
        executable = 0o111 if path.is_dir() else 0
        path.chmod((0o644 if writable else 0o444) | executable)
