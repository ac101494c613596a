"""The queue on its own, with a clock that the test moves."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_server.platform.errors import BadRequest, Stopping, Unknown
from local_server.platform.job import Job, State
from local_server.platform.outcome import Outcome
from local_server.platform.policy import Policy
from local_server.platform.queue import STOPPED, JobQueue

GOOD = Outcome({"answer": 1})


@dataclass
class Bench:
    """A queue, its clock and the jobs that it said have ended."""

    now: float = 0.0
    ended: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = JobQueue(
            retention_s=1800, sync_retention_s=60, max_deliveries=3, on_end=self.ended.append, clock=lambda: self.now
        )

    def submit(self, *, sync: bool = False, **policy: Any) -> Job:
        return self.queue.submit({"input": {}, "extra": 1}, Policy(**policy), sync=sync)

    async def take(self, worker: str = "w", most: int = 1) -> list[Job]:
        return await self.queue.take(worker, most, 0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_jobs_are_handed_out_in_order_and_those_of_low_priority_last(bench: Bench) -> None:
    """Whatever their order of arrival; everything the client sent goes with them."""
    jobs = [bench.submit(low_priority=low) for low in (True, False, True, False)]
    taken = [*await bench.take(most=3), *await bench.take(most=3)]
    assert [jobs[1], jobs[3], jobs[0], jobs[2]] == taken
    assert {"id": jobs[1].id, "input": {}, "extra": 1} == taken[0].handed_out()


async def test_a_worker_that_waits_gets_the_job_that_comes(bench: Bench) -> None:
    """Not the next time it asks."""
    waiting = asyncio.create_task(bench.queue.take("w", 4, 30))
    await asyncio.sleep(0)
    job = bench.submit()
    assert [job] == await waiting


async def test_a_worker_that_leaves_while_it_waits_takes_nothing_along(bench: Bench) -> None:
    """The job is the next one's."""
    leaving = asyncio.create_task(bench.queue.take("gone", 1, 30))
    await asyncio.sleep(0)
    leaving.cancel()
    job = bench.submit()
    assert [job] == await bench.take()


async def test_the_jobs_of_a_lost_worker_are_the_first_again_in_their_order(bench: Bench) -> None:
    """And are counted as retried."""
    jobs = [bench.submit() for _ in range(5)]
    await bench.take("lost", 3)
    assert 3 == bench.queue.lose("lost")
    assert jobs == await bench.take("other", 9)
    assert (3, 0) == (bench.queue.retried, bench.queue.waiting)


async def test_a_job_that_loses_every_worker_fails(bench: Bench) -> None:
    """After as many as the settings say."""
    job = bench.submit()
    for _ in range(3):
        assert [job] == await bench.take("w")
        bench.queue.lose("w")
    assert (State.FAILED, [], [job]) == (job.state, await bench.take(), bench.ended)
    assert "3 workers" in (job.error or "")


async def test_the_first_result_counts_whoever_it_is_from(bench: Bench) -> None:
    """One that was thought lost may still be right; the other worker is told to stop."""
    job = bench.submit()
    await bench.take("slow")
    bench.queue.lose("slow")
    await bench.take("other")
    bench.queue.done(job.id, "slow", GOOD)
    assert (State.COMPLETED, {"answer": 1}) == (job.state, job.output)
    assert [job.id] == await bench.queue.stops("other", 0)
    with pytest.raises(BadRequest):
        bench.queue.done(job.id, "other", GOOD)
    assert [job] == bench.ended


async def test_a_result_that_comes_before_its_job_is_handed_out_again_ends_it(bench: Bench) -> None:
    """Nobody does it twice."""
    job = bench.submit()
    await bench.take("slow")
    bench.queue.lose("slow")
    bench.queue.done(job.id, "slow", GOOD)
    assert (State.COMPLETED, []) == (job.state, await bench.take())


async def test_a_result_for_a_job_that_nobody_has_is_refused(bench: Bench) -> None:
    """So is one for a job that never was."""
    job = bench.submit()
    with pytest.raises(BadRequest):
        bench.queue.done(job.id, "w", GOOD)
    with pytest.raises(Unknown):
        bench.queue.done("nobody", "w", GOOD)
    assert State.IN_QUEUE is job.state


async def test_a_job_that_runs_too_long_is_stopped_and_can_be_retried(bench: Bench) -> None:
    """Its first result is gone then."""
    job = bench.submit(execution_timeout_s=5)
    await bench.take("w")
    bench.now = 4.9
    assert State.IN_PROGRESS is bench.queue.find(job.id).state
    bench.now = 5.0
    assert State.TIMED_OUT is bench.queue.find(job.id).state
    assert [job.id] == await bench.queue.stops("w", 0)
    assert State.IN_QUEUE is bench.queue.retry(job.id).state
    assert {"id": job.id, "status": "IN_QUEUE"} == job.view()


async def test_only_what_failed_can_be_retried(bench: Bench) -> None:
    """The others say what they are."""
    job = bench.submit()
    with pytest.raises(BadRequest, match="IN_QUEUE"):
        bench.queue.retry(job.id)
    await bench.take()
    bench.queue.done(job.id, "w", GOOD)
    with pytest.raises(BadRequest, match="COMPLETED"):
        bench.queue.retry(job.id)


async def test_a_job_older_than_its_ttl_is_deleted_even_while_it_runs(bench: Bench) -> None:
    """Its worker is told to stop; nobody knows it any more."""
    job = bench.submit(ttl_s=10, execution_timeout_s=600)
    await bench.take("w")
    bench.now = 10
    with pytest.raises(Unknown):
        bench.queue.find(job.id)
    assert [job.id] == await bench.queue.stops("w", 0)


@pytest.mark.parametrize(("sync", "kept_s"), [(False, 1800), (True, 60)])
async def test_results_are_kept_for_a_while(bench: Bench, sync: bool, kept_s: float) -> None:
    """Those of /runsync shorter."""
    job = bench.submit(sync=sync)
    await bench.take()
    bench.now = 100.0
    bench.queue.done(job.id, "w", GOOD)
    bench.now += kept_s - 1
    bench.queue.tick()
    assert job is bench.queue.find(job.id)
    bench.now += 1
    bench.queue.tick()
    assert [] == bench.queue.jobs()


async def test_times_are_milliseconds_of_waiting_and_of_running(bench: Bench) -> None:
    """And the worker's name is told."""
    job = bench.submit()
    bench.now = 0.8244
    await bench.take("w-7")
    bench.now += 3.391
    bench.queue.done(job.id, "w-7", GOOD)
    assert {
        "id": job.id, "status": "COMPLETED", "delayTime": 824, "executionTime": 3391, "workerId": "w-7",
        "output": {"answer": 1},
    } == job.view()  # fmt: skip


async def test_purging_removes_what_waits_only(bench: Bench) -> None:
    """What runs goes on."""
    running = bench.submit()
    await bench.take()
    for low in (True, False):
        bench.submit(low_priority=low)
    assert (2, 0, [running]) == (bench.queue.purge(), bench.queue.waiting, bench.queue.jobs())


async def test_progress_is_seen_until_the_result_comes(bench: Bench) -> None:
    """It does not end the job."""
    job = bench.submit()
    await bench.take()
    bench.queue.done(job.id, "w", Outcome("half", progress=True))
    assert ("IN_PROGRESS", "half") == (job.view()["status"], job.view()["output"])
    bench.queue.done(job.id, "w", Outcome(error="broken"))
    assert ("FAILED", "broken", None) == (job.view()["status"], job.view()["error"], job.view().get("output"))


async def test_pieces_are_fetched_once_and_the_last_ones_with_the_end(bench: Bench) -> None:
    """Whoever waits gets them as they come."""
    job = bench.submit()
    await bench.take()
    waiting = asyncio.create_task(job.fetch(30))
    await asyncio.sleep(0)
    bench.queue.chunk(job.id, "w", {"output": 1})
    assert [{"output": 1}] == await waiting
    bench.queue.chunk(job.id, "w", {"output": 2})
    bench.queue.done(job.id, "w", GOOD)
    assert [{"output": 2}] == await job.fetch(30)
    assert [] == await job.fetch(30)


async def test_jobs_that_reached_nobody_are_given_back(bench: Bench) -> None:
    """In their order, and it does not count as a delivery."""
    jobs = [bench.submit() for _ in range(3)]
    bench.queue.give_back(await bench.take("gone", 2))
    assert [0, 0, 0] == [job.taken for job in jobs]
    assert jobs == await bench.take("w", 3)


async def test_progress_of_a_worker_that_lost_the_job_changes_nothing(bench: Bench) -> None:
    """The job stays in the queue, for one that is there."""
    job = bench.submit()
    await bench.take("lost")
    bench.queue.lose("lost")
    with pytest.raises(BadRequest):
        bench.queue.done(job.id, "lost", Outcome("half", progress=True))
    assert [job] == await bench.take("other")
    with pytest.raises(BadRequest):
        bench.queue.done(job.id, "lost", Outcome("half", progress=True))
    assert "output" not in job.view()


async def test_a_stop_does_not_reach_the_run_after_it(bench: Bench) -> None:
    """A worker that gets the job again is not told to stop it for the run before; others of its jobs it is."""
    job, other = bench.submit(execution_timeout_s=5), bench.submit(execution_timeout_s=5)
    await bench.take("w", 2)
    bench.now = 5
    bench.queue.tick()
    bench.queue.retry(job.id)
    assert [job] == await bench.take("w")
    assert [other.id] == await bench.queue.stops("w", 0)


async def test_a_queue_that_has_closed_takes_no_retries(bench: Bench) -> None:
    """They would wait for nobody."""
    job = bench.submit()
    await bench.take()
    bench.queue.done(job.id, "w", Outcome(error="no"))
    bench.queue.close()
    with pytest.raises(Stopping):
        bench.queue.retry(job.id)


async def test_only_the_worker_that_has_the_job_can_stream(bench: Bench) -> None:
    """What one that was thought lost still sends would come twice."""
    job = bench.submit()
    await bench.take("slow")
    bench.queue.chunk(job.id, "slow", {"output": 1})
    bench.queue.lose("slow")
    with pytest.raises(BadRequest):
        bench.queue.chunk(job.id, "slow", {"output": 2})
    await bench.take("other")
    with pytest.raises(BadRequest):
        bench.queue.chunk(job.id, "slow", {"output": 2})
    bench.queue.chunk(job.id, "other", {"output": 1})
    assert [{"output": 1}] == await job.fetch(0)


async def test_a_failure_counts_only_from_the_worker_that_has_the_job(bench: Bench) -> None:
    """One that was thought lost says it too late; its answer would be as good as another's, its failure is not."""
    job = bench.submit()
    await bench.take("lost")
    bench.queue.lose("lost")
    with pytest.raises(BadRequest):
        bench.queue.done(job.id, "lost", Outcome(error="no"))
    await bench.take("other")
    with pytest.raises(BadRequest):
        bench.queue.done(job.id, "lost", Outcome(error="no"))
    bench.queue.done(job.id, "lost", GOOD)
    assert (State.COMPLETED, "lost") == (job.state, job.worker)


async def test_a_job_that_is_retried_is_as_old_as_a_new_one(bench: Bench) -> None:
    """It is not deleted for the age of its first life, and has waited only since then."""
    job = bench.submit(ttl_s=10.0)
    await bench.take()
    bench.queue.done(job.id, "w", Outcome(error="no"))
    bench.now += 12
    bench.queue.retry(job.id)
    bench.now += 1
    bench.queue.tick()
    await bench.take()
    assert (State.IN_PROGRESS, 1000) == (bench.queue.find(job.id).state, job.view()["delayTime"])


async def test_progress_is_gone_with_the_worker_and_with_the_job(bench: Bench) -> None:
    """It is no result, and a job that waits is nobody's."""
    lost, cancelled = bench.submit(), bench.submit()
    await bench.take("w", 2)
    for job in (lost, cancelled):
        bench.queue.done(job.id, "w", Outcome("50 %", progress=True))
    bench.queue.cancel(cancelled.id)
    assert {"id": cancelled.id, "status": "CANCELLED"}.items() <= cancelled.view().items()
    assert "output" not in cancelled.view()
    bench.queue.lose("w")
    assert {"id": lost.id, "status": "IN_QUEUE"} == lost.view()


async def test_a_job_that_is_handed_out_twice_streams_once_and_is_stopped_everywhere(bench: Bench) -> None:
    """What the first worker has said is not said again, and both are told of a cancel."""
    job = bench.submit()
    await bench.take("a")
    bench.queue.chunk(job.id, "a", {"output": 1})
    bench.queue.duplicate(job.id)
    await bench.take("b")
    bench.queue.chunk(job.id, "b", {"output": 1})
    assert [{"output": 1}] == await job.fetch(0)
    bench.queue.duplicate(job.id)
    bench.queue.cancel(job.id)
    assert [job.id] == await bench.queue.stops("b", 0)


async def test_a_queue_that_closes_takes_and_gives_no_more(bench: Bench) -> None:
    """Whoever waits is let go; results of what runs are still taken."""
    job = bench.submit()
    await bench.take()
    waiting = [asyncio.create_task(bench.queue.take("w", 1, 30)), asyncio.create_task(bench.queue.stops("w", 30))]
    await asyncio.sleep(0)
    bench.queue.close()
    assert [[], []] == await asyncio.gather(*waiting)
    with pytest.raises(Stopping):
        bench.submit()
    bench.queue.done(job.id, "w", GOOD)
    assert State.COMPLETED is job.state


async def test_a_queue_that_closes_ends_what_no_worker_will_do(bench: Bench) -> None:
    """What waits, at once, and what its worker leaves undone, when that is known; whoever waits for it is told."""
    running, waits = bench.submit(), bench.submit()
    await bench.take()
    waiting = asyncio.create_task(waits.wait(30))
    await asyncio.sleep(0)
    bench.queue.close()
    assert (State.FAILED, STOPPED) == ((await waiting).state, waits.error)
    assert State.IN_PROGRESS is running.state
    bench.queue.lose("w")
    assert (State.FAILED, STOPPED) == (running.state, running.error)
    assert [waits, running] == bench.ended
    assert 0 == bench.queue.waiting


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["submit", "low", "take", "done", "fail", "cancel", "lose", "retry", "wait"]),
              st.integers(0, 5)), max_size=60,
)  # fmt: skip


@given(actions=ACTIONS)
def test_whatever_happens_no_job_is_lost_or_ends_twice(actions: list[tuple[str, int]]) -> None:
    """Each is in the queue, with one worker, or ended; and told of once, or once more for each retry."""
    asyncio.run(_act(actions))


async def _act(actions: list[tuple[str, int]]) -> None:
    bench = Bench()
    queue, jobs, retried = bench.queue, [], Counter[str]()
    for action, number in actions:
        job = jobs[number % len(jobs)] if jobs else None
        worker = f"w{number % 3}"
        if action in ("submit", "low"):
            jobs.append(bench.submit(low_priority=action == "low", execution_timeout_s=20.0))
        elif action == "take":
            taken = await bench.take(worker, number)
            assert all(one.state is State.IN_PROGRESS and one.worker == worker for one in taken)
        elif action == "lose":
            queue.lose(worker)
        elif action == "wait":
            bench.now += number
        elif job is not None:
            try:
                if action == "done":
                    queue.done(job.id, worker, GOOD)
                elif action == "fail":
                    queue.done(job.id, worker, Outcome(error="no"))
                elif action == "retry":
                    queue.retry(job.id)
                    retried[job.id] += 1
                else:
                    queue.cancel(job.id)
            except BadRequest:
                pass
        queue.tick()
        assert queue.waiting + queue.running() + sum(one.has_ended for one in jobs) == len(jobs)
    told = Counter(job.id for job in bench.ended)
    for job in jobs:
        assert told[job.id] == retried[job.id] + job.has_ended
