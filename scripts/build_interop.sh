#!/bin/sh
# Builds what `make interop` runs, into .envs/interop: the OpenTelemetry Collector from the Go
# modules that tests/interop/otelcol-builder.yaml names, and the client made of clickhouse-go.
# Needs Go; takes minutes the first time and one core, at the lowest priority.
set -eu
cd "$(dirname "$0")/.."
command -v go > /dev/null || { echo "make interop needs Go: https://go.dev/dl" >&2; exit 1; }

target="$PWD/.envs/interop"
manifest=tests/interop/otelcol-builder.yaml
version=$(sed -n 's/.*receiver\/otlpreceiver \(v[0-9.]*\)$/\1/p' "$manifest")
export GOBIN="$target" GOTOOLCHAIN=local GOMAXPROCS=1
export GOFLAGS="-p=1 -buildvcs=false -modcacherw"
mkdir -p "$target"

[ -x "$target/builder" ] || nice -n 19 go install "go.opentelemetry.io/collector/cmd/builder@$version"
if [ ! -x "$target/otelcol/otelcol-interop" ] || [ "$manifest" -nt "$target/otelcol/otelcol-interop" ]; then
    nice -n 19 "$target/builder" --config "$manifest" --skip-compilation
    (cd "$target/otelcol" && nice -n 19 go build -trimpath -ldflags="-s -w" -o otelcol-interop .)
fi
(cd tests/interop/clickhouse_go && nice -n 19 go build -trimpath -o "$target/clickhouse_go" .)
