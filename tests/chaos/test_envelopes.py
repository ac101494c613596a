"""Jobs of any shape."""

import asyncio
import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agent.engine.scripted import ScriptedEngine
from agent.runtime import Runtime
from agent.settings import Settings
from handler.handler import answer
from tests.chaos.conftest import Figures
from tests.fakes.loading import scripted_loader

pytestmark = pytest.mark.timeout(3600)

# With halves of surrogate pairs, which JSON can carry and UTF-8 cannot.
TEXT = st.text(st.characters(), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("question", "history", "adapter", "top_k", "filters", "mode", "language", "max_tokens", "temperature", "seed",
          "stream", "timeout_s", "openai_route", "openai_input")  # fmt: skip
LIKELY = st.sampled_from(["Which port?", "auto", "extractive", "en", 1, 0.5, [], {}, None, "/v1/chat/completions",
                          {"messages": [{"role": "user", "content": "Which port?"}]}])  # fmt: skip
INPUT = st.dictionaries(st.sampled_from(FIELDS) | TEXT, LIKELY | JSON, max_size=5)
JOB = (
    st.fixed_dictionaries({"id": TEXT | JSON, "input": INPUT | JSON}, optional={"policy": JSON, "webhook": JSON}) | JSON
)


@pytest.mark.parametrize("count", [500, pytest.param(100_000, marks=pytest.mark.chaos)])
def test_no_job_escapes(count: int, figure: Figures) -> None:
    """Whatever it is, there is an answer or an error, which the SDK can send."""
    runtime, seen, loop = (
        Runtime(Settings(), scripted_loader(ScriptedEngine())),
        Counter[str](),
        asyncio.new_event_loop(),
    )
    runtime.load()

    @settings(
        max_examples=count, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(job=JOB)
    def sends(job: object) -> None:
        result = loop.run_until_complete(answer(job, runtime))
        # As rp_http.py does; what raises there is lost.
        json.dumps(result, ensure_ascii=False).encode("utf-8", "surrogatepass")
        if isinstance(result, str):
            seen["text"] += 1
        elif "error" in result:
            assert ["error"] == list(result)
            seen[json.loads(result["error"])["code"]] += 1
        else:
            assert {"answer", "choices", "data"} & set(result)
            seen["answered"] += 1

    try:
        sends()
    finally:
        runtime.close()
        loop.close()
    assert {"internal_error", "generation_failed"}.isdisjoint(seen)
    figure(f"{sum(seen.values())} job envelopes", f"0 escaped exceptions; {dict(seen.most_common())}")
