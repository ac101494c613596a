"""Webhooks on their own: attempts, hosts, and what is given up."""

import asyncio

import pytest

from local_server.platform.errors import BadRequest
from local_server.platform.job import Job, State
from local_server.platform.policy import Policy
from local_server.platform.webhooks import Webhooks
from tests.local_server.conftest import Log
from tests.local_server.platform.test_routes import Receiver
from tests.local_server.serving import wait


def ended(url: str) -> Job:
    return Job(
        "job-1", {"input": {"half": "\ud800"}, "webhook": url}, Policy(), 60, 0.0, state=State.COMPLETED, started=1.0,
        ended=3.0, worker="w", output={"a": 1},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "told"), [([200], 1), ([500, 200], 2), ([404, 302, 200], 3), ([500, 500, 500, 200], 3)]
)
async def test_a_webhook_is_told_again_twice_until_it_says_200(statuses: list[int], told: int, log: Log) -> None:
    """A redirect is no 200, and is not followed; each failed attempt leaves a line."""
    webhooks = Webhooks(("127.0.0.1",), pause_s=0.01)
    with Receiver(statuses=statuses) as receiver:
        webhooks.tell(ended(receiver.url))
        await asyncio.to_thread(wait, lambda: len(receiver.bodies) == told)
        await asyncio.sleep(0.1)
    await webhooks.close(0)
    assert told == len(receiver.bodies)
    assert told - (200 in statuses[:told]) == len(log.lines("webhook.failed"))
    body = receiver.bodies[-1]
    assert ("\ud800", 1000, 2000) == (body["input"]["half"], body["delayTime"], body["executionTime"])


async def test_a_webhook_that_nobody_listens_to_is_given_up(log: Log) -> None:
    """Nothing else stops for it, and an end of the server does not wait."""
    webhooks = Webhooks(("127.0.0.1",), pause_s=60)
    webhooks.tell(ended("http://127.0.0.1:9/"))
    await asyncio.sleep(0.3)
    await asyncio.wait_for(webhooks.close(0), 1)
    assert ["ConnectError"] == [line["answer"] for line in log.lines("webhook.failed")]


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "http://127.0.0.1.example.com/", "http://example.com@127.0.0.2/", "http://2130706433/",
     "http://localhost.:80/", "file:///etc/passwd", "//127.0.0.1/", "http://", "", 5, None, "http://[::1",
     "javascript:x"],
)  # fmt: skip
def test_a_webhook_goes_nowhere_else(url: object) -> None:
    """Names are compared as they are written; whoever allows a host trusts the address it has now."""
    with pytest.raises(BadRequest):
        Webhooks(("127.0.0.1", "localhost", "::1")).check(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:5000/x", "https://LOCALHOST/", "http://[::1]:1/", "http://a@localhost/"]
)
def test_hosts_that_are_allowed_are_allowed(url: str) -> None:
    """On any port, with any path."""
    Webhooks(("127.0.0.1", "localhost", "::1")).check(url)


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "0.0.0.0", "224.0.0.1"])  # noqa: S104
async def test_no_webhook_goes_to_an_address_that_no_service_has(log: Log, host: str) -> None:
    """Also where somebody has allowed it."""
    webhooks = Webhooks([host.strip("[]")], pause_s=0)
    webhooks.tell(ended(f"http://{host}:9/latest/meta-data"))
    while len(log.lines("webhook.failed")) < 3:
        await asyncio.sleep(0.01)
    assert {"OSError"} == {line["answer"] for line in log.lines("webhook.failed")}
    await webhooks.close(0)
