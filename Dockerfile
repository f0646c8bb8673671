# The release binary on a small Debian: `docker build -t daemun .`
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends cmake gcc g++ libc6-dev make
WORKDIR /daemun
COPY . .
RUN cargo build --release --locked --package daemun

FROM debian:bookworm-slim
# Whom the system trusts, for stores that are reached encrypted.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /var/lib/daemun --shell /usr/sbin/nologin daemun \
 && install -d -m 700 -o daemun -g daemun /var/lib/daemun
COPY --from=build /daemun/target/release/daemun /usr/local/bin/daemun
USER daemun
VOLUME /var/lib/daemun
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/daemun"]
