#!/bin/sh
# Makes one key for senders and one for readers, once; other containers read them from $KEYS.
set -eu
: "${KEYS:=/keys}"
for role in ingest read; do
    [ -s "$KEYS/$role" ] && continue
    costattr keys create --role "$role" --name "compose $role" | head -n 1 | tr -d '\n' > "$KEYS/$role.new"
    chmod 0444 "$KEYS/$role.new"
    mv "$KEYS/$role.new" "$KEYS/$role"
done
