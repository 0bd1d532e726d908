# An image with the tool and all that its servers need: nothing is fetched at run time. docs/deploy.md says how to use it.
FROM python:3.11.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/modelwright
ENV PATH=/opt/modelwright/bin:$PATH
WORKDIR /source
# torch first, and for the CPU: its usual build brings gigabytes of a GPU's libraries.
COPY constraints.txt ./
RUN pip install --constraint constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu torch
COPY pyproject.toml README.md LICENSE ./
COPY flows ./flows
COPY tasks ./tasks
RUN pip install --constraint constraints.txt '.[server,s3,tune]'

FROM python:3.11.13-slim-bookworm
# LightGBM's threads; git says which commit a run stands on.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends --yes git libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 modelwright \
    && mkdir /project \
    && chown modelwright: /project
COPY --from=build /opt/modelwright /opt/modelwright
ENV PATH=/opt/modelwright/bin:$PATH \
    DO_NOT_TRACK=1 \
    DVC_NO_ANALYTICS=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PREFECT_UI_STATIC_DIRECTORY=/home/modelwright/prefect-pages \
    PYTHONDONTWRITEBYTECODE=1
USER 10001
# The project's folder is mounted here; its user must be able to write in it.
WORKDIR /project
STOPSIGNAL SIGTERM
ENTRYPOINT ["modelwright"]
CMD ["up", "--host", "0.0.0.0"]
