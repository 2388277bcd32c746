# The image of creditgate-server: serve (the default), dashboard, work or migrate.
# BASE is any Debian with Python 3.11 or newer and its venv module.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /build
COPY requirements/build.txt requirements/server.txt requirements/
# Two environments: one to build with, which stays behind, and one to run, without pip.
RUN python3 -m venv tools \
    && tools/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements/build.txt \
    && python3 -m venv --without-pip /opt/creditgate \
    && tools/bin/pip --python /opt/creditgate/bin/python install --no-cache-dir --no-deps \
        --require-hashes -r requirements/server.txt
COPY pyproject.toml README.md LICENSE ./
COPY client client
COPY server server
COPY migrations migrations
RUN tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir wheels \
        ./client . \
    && tools/bin/pip --python /opt/creditgate/bin/python install --no-cache-dir --no-deps \
        wheels/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="creditgate-server" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/creditgate /opt/creditgate
ENV PATH="/opt/creditgate/bin:${PATH}" \
    PYTHONUNBUFFERED=1 \
    CREDITGATE_LISTEN=0.0.0.0:50051
# A number, so that an orchestrator can tell that it is not root; it needs no account and owns
# no files.
USER 10001:10001
WORKDIR /
EXPOSE 50051 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
    CMD ["creditgate-server", "health"]
ENTRYPOINT ["creditgate-server"]
CMD ["serve"]
