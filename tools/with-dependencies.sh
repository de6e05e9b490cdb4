#!/bin/sh
# Runs a TypeScript program of this repository with the pinned Node 24, installing the dependencies first when those
# that are there are not the lock file's. npm puts node_modules/.bin on PATH before this starts.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
program=$1
shift
# A copy of the lock file that was installed: contents compare, times do not (a checkout, an image's layer).
installed=$root/node_modules/.installed-lock.json
lock=$root/.dependencies.lock

current() { cmp -s "$root/package-lock.json" "$installed"; }

if ! current; then
  command -v npm >/dev/null || { echo "poolkeeper: npm is missing. Install Node.js 20 or newer (https://nodejs.org), then run this again." >&2; exit 1; }
  # `npm ci` begins by deleting node_modules, so only one may run; the lock of one that died is taken over.
  until mkdir "$lock" 2>/dev/null; do
    owner=$(cat "$lock/pid" 2>/dev/null || true)
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then rm -rf "$lock"; else sleep 1; fi
  done
  echo $$ >"$lock/pid"
  trap 'rm -rf "$lock"' EXIT
  if ! current; then
    echo "==> installing dependencies (npm ci)" >&2
    (cd "$root" && npm ci --no-audit --no-fund --loglevel=error) >&2
    cp "$root/package-lock.json" "$installed"
  fi
  rm -rf "$lock"
  trap - EXIT
fi
exec "$root/node_modules/.bin/node" "$root/$program" "$@"
