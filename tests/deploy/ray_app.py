"""Askpod on a Ray of this machine, with a scripted model: `python -m tests.deploy.ray_app PORT REPLICAS SECONDS`."""

import sys

import ray
from ray import serve

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from deploy.ray_serve import application
from tests.fakes.loading import scripted_loader


def scripted() -> Runtime:
    """In a replica; its answers take SECONDS a word."""
    engine = ScriptedEngine(lambda _prompt: "The HTTP server listens on port 8000.", delay_s=SECONDS, capacity=8)
    return Runtime(Settings(), scripted_loader(engine))


SECONDS = 0.1


def main(port: int, replicas: int) -> None:
    """Serve until it is killed; `ready` is written when the replicas are."""
    ray.init(num_cpus=4, include_dashboard=False, configure_logging=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    options = {"num_replicas": replicas, "ray_actor_options": {"num_cpus": 0.1}}
    serve.run(application(scripted, **options), name="askpod", blocking=False)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    serve.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
