# The build stage needs the sources and the packages to build with. The image has allotd, the libraries
# that it is linked with, and Debian's minimum: no compiler, no curl. It runs as a user without a name
# or a password, and writes to its volume alone, so its root may be read-only.
#
# tests/deploy/try_dockerfile.py carries these steps out without a container engine.
FROM debian:12-slim AS build
WORKDIR /src
COPY scripts/install.sh scripts/
RUN scripts/install.sh build web
COPY Makefile ./
COPY web web
COPY core core
COPY api api
COPY server server
COPY migrations migrations
RUN make -j"$(nproc)" all && strip build/allotd

FROM debian:12-slim
COPY scripts/install.sh /tmp/
RUN /tmp/install.sh libraries && \
    rm -rf /tmp/install.sh /var/lib/apt/lists/* /var/cache/apt/* && \
    install -d -m 0700 -o 10001 -g 10001 /var/lib/allot
COPY --from=build /src/build/allotd /usr/local/bin/allotd
USER 10001:10001
WORKDIR /var/lib/allot
ENV ALLOT_DATA_DIR=/var/lib/allot
# Nobody reaches a container's loopback. Without --auth-file this is refused, unless --insecure is given.
ENV ALLOT_LISTEN=0.0.0.0:8080
VOLUME /var/lib/allot
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s CMD ["allotd", "health"]
ENTRYPOINT ["allotd"]
CMD ["serve"]
