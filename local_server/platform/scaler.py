"""How many workers there should be."""

import math
from dataclasses import dataclass

from local_server.platform.settings import PlatformSettings


@dataclass(frozen=True, slots=True)
class Demand:
    """What the scaler looks at: jobs that wait and run, seconds that the first has waited, workers that load."""

    waiting: int
    running: int
    longest_wait: float
    workers: int
    loading: int


def wanted(demand: Demand, settings: PlatformSettings) -> int:
    """Workers, between the least and the most there may be; never fewer than there are, as only idle ones leave.

    `request_count` has one for every `scaler_value` jobs. `queue_delay` has one more when the first in the queue has
    waited longer than that, and none is loading already; the first worker is started for the first job.
    """
    if settings.scaler == "request_count":
        count = math.ceil((demand.waiting + demand.running) / settings.scaler_value)
    else:
        late = demand.waiting > 0 and demand.longest_wait > settings.scaler_value and demand.loading == 0
        count = max(demand.workers + late, min(1, demand.waiting))
    return max(settings.min_workers, min(settings.max_workers, max(count, demand.workers)))
