"""python -m benchmarks store"""

import sys

from benchmarks import store

_BENCHMARKS = {"store": store.main}


def main(words: list[str]) -> int:
    """Exit status of the benchmark, or 2 when there is no such one."""
    if not words or words[0] not in _BENCHMARKS:
        sys.stderr.write(f"Say which benchmark: {', '.join(_BENCHMARKS)}\n")
        return 2
    return _BENCHMARKS[words[0]](words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
