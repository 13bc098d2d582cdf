# One image for workers and API processes: `worker` instead of `api` as the command.
ARG PYTHON=python:3.12-slim

FROM ${PYTHON} AS build
WORKDIR /app
COPY requirements.lock .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
# The pages come from the next stage. The file system of the container is read-only, so it holds compiled code.
RUN rm -rf pages && /venv/bin/python -m compileall -q /venv/lib /app

# the pages for browsers, with the Node that `make pages` uses
FROM ${PYTHON} AS pages
WORKDIR /build
COPY pages/requirements.lock pages/
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r pages/requirements.lock
COPY pages pages
RUN pages/build.sh /venv/bin/python

FROM ${PYTHON}
# a new volume at /archive belongs to the owner of this folder
RUN install -d -o 10001 -g 10001 /archive
COPY --from=build /venv /venv
COPY --from=build /app /app
COPY --from=pages /build/pages/dist /app/pages/dist
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PERENNIAL_API_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m"]
CMD ["api"]
