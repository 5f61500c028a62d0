# docker build -t eventide-notify .
# docker run -p 3000:3000 -e EVENTIDE_JWT_SECRET=... -v eventide:/data eventide-notify

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# The dependencies first: they change less often than the code, and their layer is kept. With the drivers of all message
# brokers: whichever EVENTIDE_QUEUES names just works.
COPY requirements/ requirements/
RUN python -m venv /opt/eventide \
    && /opt/eventide/bin/pip install --require-hashes --only-binary :all: -r requirements/image.txt
# What builds the wheel stays out of the venv; Node fetches the browser client, for this image has no npm.
RUN pip install --require-hashes --only-binary :all: -r requirements/build.txt -r requirements/node.txt

COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/eventide/bin/pip install --no-deps dist/*.whl

FROM python:${PYTHON}-slim
# /data, the working directory, is where the default database (SQLite) is kept.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin eventide \
    && install --directory --owner=eventide --group=eventide /data
COPY --from=build /opt/eventide /opt/eventide
ENV PATH=/opt/eventide/bin:$PATH EVENTIDE_HOST=0.0.0.0 PYTHONUNBUFFERED=1
WORKDIR /data
VOLUME /data
# By number, so that Kubernetes can see that it is not root.
USER 10001
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", "import http.client, os, sys; health = http.client.HTTPConnection('127.0.0.1', int(os.getenv('EVENTIDE_PORT') or os.getenv('PORT') or 3000), timeout=2); health.request('GET', '/healthz'); sys.exit(health.getresponse().status != 200)"]
# Exec form: the server itself gets SIGTERM and closes connections in an orderly way.
CMD ["eventide-notify", "serve"]
