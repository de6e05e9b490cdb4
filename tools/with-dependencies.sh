#!/bin/sh
# Runs a TypeScript program of this repository with the pinned Node 24, installing the dependencies first when they are
# missing or older than the lock file. npm puts node_modules/.bin on PATH before this starts, so `node` below is ours.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
program=$1
shift
if [ ! -e "$root/node_modules/.package-lock.json" ] || [ "$root/package-lock.json" -nt "$root/node_modules/.package-lock.json" ]; then
  command -v npm >/dev/null || { echo "poolkeeper: npm is missing. Install Node.js 20 or newer (https://nodejs.org), then run this again." >&2; exit 1; }
  echo "==> installing dependencies (npm ci)" >&2
  (cd "$root" && npm ci --no-audit --no-fund --loglevel=error) >&2
  touch "$root/node_modules/.package-lock.json"
fi
exec "$root/node_modules/.bin/node" --disable-warning=ExperimentalWarning "$root/$program" "$@"
