"""Askpod on a Ray of this machine, with a scripted model: `python -m tests.deploy.ray_app PORT OPTIONS`."""

import json
import os
import sys
from typing import Any

import ray
from ray import serve

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from deploy.ray_serve import ANSWERS, application
from tests.deploy.ray_script import SECONDS_A_WORD, script
from tests.fakes.loading import scripted_loader

NAME = "askpod"


def scripted() -> Runtime:
    """In a replica, whose process its model names; its answers take SECONDS_A_WORD."""
    engine = ScriptedEngine(script, delay_s=SECONDS_A_WORD, capacity=8)
    engine.model = f"scripted-{os.getpid()}"
    return Runtime(Settings(), scripted_loader(engine))


def states() -> dict[str, int]:
    """How many replicas are in which state, as Ray has it."""
    told = serve.status().applications[NAME].deployments[ANSWERS].replica_states
    return {state: number for state, number in told.items() if number}


def say(line: str) -> None:
    """To whoever started this."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(port: int, options: dict[str, Any]) -> None:
    """Serve until there is no more input; `ready` is written when the replicas are, `states()` for each line read."""
    ray.init(num_cpus=4, include_dashboard=False, configure_logging=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(application(scripted, ray_actor_options={"num_cpus": 0.1}, **options), name=NAME, blocking=False)
    say("ready")
    for _ in sys.stdin:
        say(json.dumps(states()))
    serve.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
