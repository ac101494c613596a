"""The emulated platform's settings, read from the environment and `.env`; the defaults are the platform's own."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# Workers wait so long for a job before they ask again; the SDK gives up after 90 s.
LONG_POLL_S = 20.0
# Of a URL, without a port.
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]+$")]


class PlatformSettings(BaseSettings):
    """Names are the environment variables' names in lower case, without `PLATFORM_`."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_prefix="PLATFORM_", extra="ignore", frozen=True
    )

    hub_harness: bool = Field(False, description="Give workers the environment that the Hub's test runner gives them.")
    faults: bool = Field(False, description="Open /_faults, where one can ask for what goes wrong.")
    endpoint_id: str = Field(
        "askpod", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Id of the emulated endpoint: /v2/ID/run."
    )
    min_workers: int = Field(0, ge=0, le=64, description="Worker processes that run even while nobody asks.")
    max_workers: int = Field(
        0, ge=0, le=64, description="Most worker processes; 0 lets the server's own process answer the jobs."
    )
    worker_key: SecretStr = Field(
        SecretStr(""), description="Key with which workers call; empty makes one up for the workers started here."
    )
    scaler: Literal["queue_delay", "request_count"] = Field(
        "queue_delay", description="More workers when jobs wait too long, or for every so many jobs."
    )
    scaler_value: float = Field(4.0, gt=0, description="Seconds that a job may wait, or jobs for each worker.")
    idle_timeout_s: float = Field(5.0, ge=0, description="A worker that had nothing to do for so long leaves.")
    init_timeout_s: float = Field(
        420.0, gt=0, description="A worker that has not asked for a job by then hangs while it loads, and is replaced."
    )
    worker_lost_s: float = Field(
        30.0, ge=5, description="A worker that was not heard of for so long is lost; others get its jobs."
    )
    max_deliveries: int = Field(5, ge=1, le=100, description="A job whose workers were lost so often has failed.")
    execution_timeout_s: float = Field(600.0, ge=5, description="Seconds a job may run unless it says otherwise.")
    retention_s: float = Field(1800.0, gt=0, description="How long the result of /run can be asked for.")
    sync_retention_s: float = Field(60.0, gt=0, description="How long the result of /runsync can be asked for.")
    max_run_bytes: int = Field(10_000_000, ge=1024, description="Largest body of /run.")
    max_runsync_bytes: int = Field(20_000_000, ge=1024, description="Largest body of /runsync, and of a result.")
    max_chunk_bytes: int = Field(1_000_000, ge=1024, description="Largest streamed piece of a result.")
    rate_factor: float = Field(
        1.0, ge=0, description="Share of the platform's rate limits, which are 1000 /run in 10 s; 0 is no limits."
    )
    webhook_hosts: Annotated[tuple[Host, ...], NoDecode] = Field(
        ("127.0.0.1", "localhost", "::1"), description="Hosts that webhooks may go to, separated by commas."
    )

    @model_validator(mode="after")
    def _settings_fit_each_other(self) -> Self:
        if self.min_workers > self.max_workers:
            raise ValueError("MIN_WORKERS must not be more than MAX_WORKERS")
        if self.hub_harness and self.worker_lost_s <= LONG_POLL_S:
            raise ValueError(f"WORKER_LOST_S must be more than {LONG_POLL_S:g} with HUB_HARNESS, which has no ping")
        return self

    @property
    def has_workers(self) -> bool:
        """Whether jobs are done by processes of their own."""
        return self.max_workers > 0

    @field_validator("webhook_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(host.strip().lower() for host in value.split(",") if host.strip())
        return value
