"""python -m tools.dashboard_picture: docs/dashboard.png, what the Grafana dashboard shows of a real server under load.

Prometheus scrapes the server and computes every panel's queries, so that what is drawn is what Grafana would be given;
only the drawing is not Grafana's.
"""

import argparse
import asyncio
import itertools
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tools.serving import ServerFailed, running_server

DASHBOARD = Path("deploy/grafana-dashboard.json")
_KEY = "a-key-for-one-picture"
_QUESTIONS = (
    "Which port does the HTTP server listen on?",
    "¿Qué cabecera lleva la clave de la API?",
    "What is a LoRA adapter?",
    "How does the server stop?",
    "What is a tax form?",
    "Hello",
)
_MODES = ("auto", "generative", "extractive")
# (seconds, callers): quiet, busy, far too many, quiet again.
_LOAD = ((20, 1), (50, 4), (30, 32), (30, 1))
_SCRAPE_S = 1
_RATE_INTERVAL = "10s"
_START_S = 30.0
_COLUMNS = 3

Series = dict[str, tuple[list[float], list[float]]]


class NoPicture(Exception):
    """What went wrong, in a sentence."""


def panels_of(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels that show something, in the order in which they are read."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries_of(panel: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each query of a panel with its legend, for a Prometheus that knows nothing of Grafana's variables."""
    for target in panel["targets"]:
        yield target["expr"].replace("$__rate_interval", _RATE_INTERVAL), target["legendFormat"]


class Prometheus:
    """Its HTTP API."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def series(self, query: str, legend: str, start: float, end: float) -> Series:
        """What a query gives between two times, by the legend's text; times are seconds since `start`.

        Raises:
            NoPicture: it is no valid query.
        """
        asked: dict[str, str | float] = {"query": query, "start": start, "end": end, "step": _SCRAPE_S}
        body = self._client.get("/api/v1/query_range", params=asked).json()
        if body["status"] != "success":
            raise NoPicture(f"{query}: {body['error']}")
        found: Series = {}
        for one in body["data"]["result"]:
            name = legend
            for label, value in one["metric"].items():
                name = name.replace("{{" + label + "}}", value)
            pairs = [(float(at) - start, float(value)) for at, value in one["values"] if value != "NaN"]
            if pairs:
                found[name] = ([at for at, _ in pairs], [value for _, value in pairs])
        return found


@contextmanager
def prometheus(binary: str, metrics_port: int) -> Iterator[Prometheus]:
    """One that scrapes this port each second, with its data in a folder that goes with it.

    Raises:
        NoPicture: it did not start.
    """
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="askpod-prometheus-") as folder:
        jobs = [{"job_name": "askpod", "static_configs": [{"targets": [f"127.0.0.1:{metrics_port}"]}]}]
        config = {"global": {"scrape_interval": f"{_SCRAPE_S}s"}, "scrape_configs": jobs}
        (Path(folder) / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        process = subprocess.Popen(
            [binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        )  # fmt: skip
        try:
            running, until = Prometheus(f"http://127.0.0.1:{port}"), time.monotonic() + _START_S
            while not running.ready():
                if process.poll() is not None or time.monotonic() > until:
                    raise NoPicture("Prometheus did not start.")
                time.sleep(0.1)
            yield running
        finally:
            process.kill()
            process.wait()


async def load(url: str) -> None:
    """Ask as `_LOAD` says."""
    async with httpx.AsyncClient(base_url=url, timeout=120, headers={"X-API-KEY": _KEY}) as client:
        for seconds, callers in _LOAD:
            sys.stderr.write(f"{callers} callers for {seconds} s ...\n")
            until = time.monotonic() + seconds
            await asyncio.gather(*(_ask_until(client, until, at) for at in range(callers)))


async def _ask_until(client: httpx.AsyncClient, until: float, first: int) -> None:
    for number in itertools.count(first):
        if time.monotonic() > until:
            return
        question, mode = _QUESTIONS[number % len(_QUESTIONS)], _MODES[number % len(_MODES)]
        response = await client.post("/v1/ask", json={"question": question, "mode": mode})
        await asyncio.sleep(0.1 if response.is_success else 1.0)


def draw(shown: list[tuple[dict[str, Any], Series]], picture: Path) -> None:
    """Write the panels as PNG."""
    rows = -(-len(shown) // _COLUMNS)
    with rc_context({"text.parse_math": False}):
        figure = Figure(figsize=(18, 3.6 * rows), dpi=100, facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        axes: list[Axes] = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
        for ax, (panel, series) in zip(axes, shown, strict=False):
            _draw_panel(ax, panel, series)
        for ax in axes[len(shown) :]:
            ax.set_axis_off()
        figure.savefig(picture, format="png")


def _draw_panel(ax: Axes, panel: dict[str, Any], series: Series) -> None:
    ax.set_title(panel["title"], loc="left", fontsize=12, fontweight="bold")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", alpha=0.3)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    if panel["type"] == "bargauge":
        names = list(series)
        ax.barh(names, [series[name][1][-1] for name in names])
        ax.set_xlabel(unit)
        return
    for name, (times, values) in series.items():
        ax.plot(times, values, label=name, linewidth=1.4)
    ax.set_ylim(bottom=0)
    ax.set_ylabel(unit)
    ax.set_xlabel("seconds")
    ax.legend(fontsize=8, loc="best")


def take(binary: str, picture: Path) -> None:
    """Run the server, the load and Prometheus, and draw what the dashboard's queries give.

    Raises:
        NoPicture: Prometheus did not start, or a query is wrong.
        ServerFailed: the server did not start.
    """
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    port = _free_port()
    settings = {"API_KEYS": _KEY, "METRICS_PORT": str(port), "MAX_QUEUE": "4"}
    with running_server(settings) as server, prometheus(binary, port) as scraping:
        start = time.time()
        server.wait_until_ready()
        asyncio.run(load(server.url))
        end = time.time()
        shown = [
            (panel, _merged(scraping.series(*query, start, end) for query in queries_of(panel)))
            for panel in panels_of(dashboard)
        ]
    for panel, series in shown:
        if not series:
            sys.stderr.write(f"Nothing to see: {panel['title']}\n")
    if not (seen := [(panel, series) for panel, series in shown if series]):
        raise NoPicture("Prometheus has seen nothing.")
    draw(seen, picture)


def _merged(parts: Iterable[Series]) -> Series:
    return {name: one for part in parts for name, one in part.items()}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 written, 1 the server or Prometheus failed, 2 there is no Prometheus."""
    parser = argparse.ArgumentParser(prog="python -m tools.dashboard_picture", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/dashboard.png"))
    options = parser.parse_args(arguments)
    binary = shutil.which("prometheus")
    if binary is None:
        sys.stderr.write("There is no Prometheus. On Debian: apt-get install -y prometheus\n")
        return 2
    try:
        take(binary, options.output)
    except (NoPicture, ServerFailed, httpx.HTTPError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write(f"Written: {options.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
