# The service as an image: the locked packages with their hashes, a user without rights, nothing to be written but /tmp
# and /var/lib/order-notifier (docs/kubernetes.md, 'The image').
#
#   docker build -t order-notifier:0.1.0 .
#   docker build --target sbom-file --output . .        the software bill of materials alone
#
# For a build that can be repeated bit by bit name the base by its digest: --build-arg PYTHON_IMAGE=…@sha256:…
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

# --- the program in a virtual environment without pip ---------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /src
COPY requirements-build.lock requirements.lock requirements-apprise.lock ./
RUN python -m venv /opt/build \
 && python -m venv --without-pip /opt/notifier \
 && /opt/build/bin/pip install --require-hashes -r requirements-build.lock \
 && /opt/build/bin/pip --python /opt/notifier/bin/python install --only-binary :all: --require-hashes -r requirements.lock \
 && /opt/build/bin/pip --python /opt/notifier/bin/python install --only-binary :all: --require-hashes -r requirements-apprise.lock
COPY pyproject.toml README.md LICENSE ./
COPY notifier notifier
RUN /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /opt/wheel . \
 && /opt/build/bin/pip --python /opt/notifier/bin/python install --no-index --no-deps /opt/wheel/*.whl \
 && /opt/notifier/bin/notifier --version

# --- what is in it, as CycloneDX ------------------------------------------------------------------------------------
FROM build AS sbom
COPY requirements-sbom.lock ./
RUN python -m venv /opt/sbom \
 && /opt/sbom/bin/pip install --only-binary :all: --require-hashes -r requirements-sbom.lock \
 && /opt/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --spec-version 1.6 \
      --output-format JSON --output-file /opt/order-notifier.cdx.json /opt/notifier/bin/python

FROM scratch AS sbom-file
COPY --from=sbom /opt/order-notifier.cdx.json /

# --- the image ------------------------------------------------------------------------------------------------------
FROM ${PYTHON_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="order-notifier" \
      org.opencontainers.image.description="Polls order APIs that do not push, publishes every change exactly once, and tells the people concerned." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Nobody installs anything in a running container: pip goes, and what scanners find in it.
RUN python -m pip uninstall --yes --quiet --root-user-action ignore setuptools wheel pip \
 && groupadd --gid 10001 notifier \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/order-notifier --shell /usr/sbin/nologin notifier \
 && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/order-notifier \
 && install --directory /etc/order-notifier
COPY --from=build /opt/notifier /opt/notifier
COPY --from=sbom /opt/order-notifier.cdx.json /usr/share/sbom/order-notifier.cdx.json
ENV PATH=/opt/notifier/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# By number: Kubernetes can tell then that it is not root.
USER 10001:10001
WORKDIR /etc/order-notifier
EXPOSE 8080
STOPSIGNAL SIGTERM
# No HEALTHCHECK: the same image runs single commands and the simulator; who runs the service asks /healthz and /readyz.
ENTRYPOINT ["notifier"]
CMD ["run", "-c", "config/notifier.yaml"]
