"""python -m tools.sbom: build/sbom.cdx.json, the packages that are in the image (CycloneDX), with their hashes."""

import subprocess
import sys
import tempfile
from pathlib import Path

LOCKED = ("requirements-cuda.txt", "requirements.txt", "requirements-models.txt")
SBOM = Path("build/sbom.cdx.json")


def main() -> int:
    """Exit status: that of cyclonedx-py, which checks what it has written against CycloneDX's schema."""
    SBOM.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as together:
        together.write("".join(Path(name).read_text(encoding="utf-8") for name in LOCKED))
        together.flush()
        tool = Path(sys.executable).with_name("cyclonedx-py")
        command = [str(tool), "requirements", together.name, "--of", "JSON", "--output-reproducible", "--validate",
                   "-o", str(SBOM)]  # fmt: skip
        status = subprocess.run(command, check=False).returncode
    if status == 0:
        sys.stderr.write(f"Written: {SBOM}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
