# The build stage needs the sources and the build packages, the image neither.
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
RUN make -j"$(nproc)" all

FROM debian:12-slim
COPY scripts/install.sh /tmp/
RUN /tmp/install.sh run && rm -rf /tmp/install.sh /var/lib/apt/lists/*
RUN useradd --system --home-dir /var/lib/allot --create-home --shell /usr/sbin/nologin allot
COPY --from=build /src/build/allotd /usr/local/bin/allotd
USER allot
WORKDIR /var/lib/allot
ENV ALLOT_DATA_DIR=/var/lib/allot
VOLUME /var/lib/allot
EXPOSE 8080
HEALTHCHECK CMD curl --fail --silent --show-error http://127.0.0.1:8080/livez
ENTRYPOINT ["allotd"]
CMD ["serve"]
