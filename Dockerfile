# Signalbox: web and worker in one image. SIGNALBOX_ROLE says which of them a container is; see bin/start.
# The digest is that of the index for every platform, and newer ones are put in by hand: `docker buildx imagetools
# inspect python:3.13-slim-trixie` prints it.

FROM docker.io/library/python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /srv/signalbox
COPY requirements.txt requirements-postgres.txt requirements-squawk.txt requirements-sbom.txt ./
# An environment without pip: nothing is installed once the image is built.
RUN python -m venv --without-pip /opt/signalbox \
    && pip --python /opt/signalbox/bin/python install --quiet --only-binary :all: --require-hashes \
        -r requirements.txt -r requirements-postgres.txt -r requirements-squawk.txt
COPY . .
RUN SIGNALBOX_BUILD=1 /opt/signalbox/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && /opt/signalbox/bin/python -m compileall -q config dashboard
# What is installed, with versions and licences (CycloneDX). The tool that lists it stays behind.
RUN python -m venv /opt/sbom \
    && /opt/sbom/bin/pip install --quiet --only-binary :all: --require-hashes -r requirements-sbom.txt \
    && /opt/sbom/bin/cyclonedx-py environment /opt/signalbox/bin/python --output-reproducible --of JSON \
        --output-file sbom.cdx.json

FROM docker.io/library/python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
LABEL org.opencontainers.image.title="Signalbox" \
    org.opencontainers.image.description="Applies raw SQL migrations to PostgreSQL safely" \
    org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 signalbox \
    && useradd --uid 10001 --gid signalbox --no-create-home --home-dir /tmp --shell /usr/sbin/nologin signalbox
# Everything belongs to root; who runs it can change none of it.
COPY --from=build /opt/signalbox /opt/signalbox
COPY --from=build /srv/signalbox /srv/signalbox
ENV PATH=/opt/signalbox/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /srv/signalbox
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "bin/health"]
CMD ["./bin/start"]
