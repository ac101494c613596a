"""The Hub's test runner, offline: the environment that it gives a worker, and its tests, from `.runpod/tests.json`.

It runs the platform inside the worker's container (runpod/sls-local-server). Its job-take URL has no `?` and a
placeholder that the SDK does not fill in; there is no URL for pings or pieces of a result. A test fails when its job is
FAILED or takes too long; what the answer is does not matter to it.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

TESTS = Path(".runpod") / "tests.json"
# What the SDK leaves as it is in the job-take URL.
UNFILLED = "$RUNPOD_POD_ID"
_TIMEOUT_MS = 30_000
_LEAST_WAIT_MS, _MOST_WAIT_MS = 1000, 300_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The tests, and the environment that they want the worker to have."""

    tests: list[dict[str, Any]]
    environment: Mapping[str, str]

    @classmethod
    def read(cls, path: Path = TESTS) -> "Plan":
        """From a file.

        Raises:
            ValueError: it is no plan, or is not there; the message says why.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            tests = content["tests"]
            environment = {one["key"]: str(one["value"]) for one in content.get("config", {}).get("env", [])}
            if not tests or not all(
                isinstance(test["name"], str) and isinstance(test["input"], dict) for test in tests
            ):
                raise ValueError("every test has a name and an input")
        except OSError as error:
            raise ValueError(f"{path} cannot be read.") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not a plan of tests: {error!r}.") from error
        return cls(tests, environment)


def hub_environment(base: str, key: str, worker_id: str) -> dict[str, str]:
    """What the Hub's test runner sets in a worker's environment; `base` is the endpoint's URL."""
    return {
        "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/{UNFILLED}",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=$RUNPOD_GPU_TYPE_ID",
        "RUNPOD_ENDPOINT_BASE_URL": base,
        "RUNPOD_LOG_LEVEL": "INFO",
        "RUNPOD_AI_API_KEY": key,
        "RUNPOD_POD_ID": worker_id,
    }


def run_tests(plan: Plan, endpoint_url: str, say: Callable[[str], None]) -> int:
    """Run them one after the other; how many failed. Each leaves a line, as `say` shows it."""
    failed = 0
    with httpx.Client(timeout=None, trust_env=False) as client:  # noqa: S113 - every request brings its own `wait`
        for test in plan.tests:
            began = time.monotonic()
            job = _run(client, endpoint_url, test)
            seconds = time.monotonic() - began
            passed = job["status"] == "COMPLETED"
            failed += not passed
            why = "" if passed else f": {job.get('error', job['status'])}"
            say(f"{'passed' if passed else 'FAILED'}  {test['name']}  {seconds:.1f} s{why}")
    return failed


def _run(client: httpx.Client, url: str, test: Mapping[str, Any]) -> dict[str, Any]:
    """The job as it was in the end, or when its time was up."""
    until = time.monotonic() + test.get("timeout", _TIMEOUT_MS) / 1000

    def wait() -> dict[str, int]:
        return {"wait": min(max(round((until - time.monotonic()) * 1000), _LEAST_WAIT_MS), _MOST_WAIT_MS)}

    response = client.post(f"{url}/runsync", json={"input": test["input"]}, params=wait())
    if response.is_error:
        return {"status": f"HTTP {response.status_code}", "error": response.text}
    body: dict[str, Any] = response.json()
    while body["status"] in ("IN_QUEUE", "IN_PROGRESS") and time.monotonic() < until:
        body = client.get(f"{url}/status-sync/{body['id']}", params=wait()).json()
    return body
