"""python -m benchmarks store | engine | cold_start | capacity"""

import importlib
import sys

# Imported when asked for: each needs libraries that the other does not, and the engine's runs where only torch is.
_BENCHMARKS = {
    "store": "benchmarks.store",
    "engine": "benchmarks.engine.main",
    "cold_start": "benchmarks.cold_start.main",
    "capacity": "benchmarks.capacity.main",
}


def main(words: list[str]) -> int:
    """Exit status of the benchmark, or 2 when there is no such one."""
    if not words or words[0] not in _BENCHMARKS:
        sys.stderr.write(f"Say which benchmark: {', '.join(_BENCHMARKS)}\n")
        return 2
    status: int = importlib.import_module(_BENCHMARKS[words[0]]).main(words[1:])
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
