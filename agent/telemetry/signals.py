"""Names of spans and of their attributes.

OpenTelemetry's conventions for generative AI (open-telemetry/semantic-conventions-genai) are still in development, so
each of their names stands here and nowhere else.
"""

SCHEMA_URL = "https://opentelemetry.io/schemas/1.40.0"

# Spans.
PROCESS = "process ask"
WORKFLOW = "invoke_workflow ask"
ADMISSION = "admission"
AGENT = "invoke_agent rag"
EMBEDDINGS = "embeddings {model}"
RETRIEVAL = "retrieval {index}"
PACK = "pack_context"
CHAT = "chat {model}"
VERIFY = "verify_citations"
COLD_START = "cold_start"

# Attributes.
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
MAX_TOKENS = "gen_ai.request.max_tokens"
TEMPERATURE = "gen_ai.request.temperature"
SEED = "gen_ai.request.seed"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK_S = "gen_ai.response.time_to_first_chunk"
DATA_SOURCE = "gen_ai.data_source.id"
ERROR = "error.type"
INVOCATION = "faas.invocation_id"
FIRST = "faas.coldstart"
METHOD = "http.request.method"
ROUTE = "http.route"
STATUS = "http.response.status_code"

# Attributes that no convention has.
OUTCOME = "askpod.outcome"
REQUEST_ID = "askpod.request_id"
CACHED_TOKENS = "askpod.cached_tokens"
SENTENCES = "askpod.sentences"
PASSAGES = "askpod.passages"
TOP_SCORE = "askpod.top_score"
TOP_K = "askpod.top_k"
RUNNING = "askpod.questions_running"
DECISION = "askpod.decision"
REPLAYED = "askpod.replayed"
TIMEOUT_S = "askpod.timeout_s"

PROVIDER_NAME = "askpod"
