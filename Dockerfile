# The operator's image.
#
#   docker build -t ghcr.io/poolkeeper/operator:0.1.0 .
#
# Both base images are arguments, so that the same file builds behind a private registry, and in this project's tests.
ARG NODE_IMAGE=docker.io/library/node:24-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot

FROM ${NODE_IMAGE} AS build
WORKDIR /source
COPY . .
# Installs the pinned dependencies first, unless the image brings them.
RUN sh tools/with-dependencies.sh tools/build.ts

FROM ${RUNTIME_IMAGE}
COPY --from=build /source/dist/operator/ /app/
USER 65532:65532
# glibc would keep an arena for each of Node's threads, eight megabytes of air in all.
ENV MALLOC_ARENA_MAX=1
# Little memory rather than speed: a young generation of 1 MB (4 MB took 3 % less processor time), and a heap that grows by
# small steps up to a share of the container's limit, so that a larger fleet only needs a larger limit. Its own arguments follow.
ENTRYPOINT ["/nodejs/bin/node", "--optimize-for-size", "--max-old-space-size-percentage=60", "/app/operator.js"]
