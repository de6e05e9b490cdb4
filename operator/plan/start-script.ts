/**
 * What a pooler container runs first: choose the file, let PgBouncer itself check it, then become PgBouncer (PID 1, so
 * that signals reach it). A restart in the middle of a change starts on the proved file, never on one still on trial.
 */

import { CONFIG_DIRECTORY, RUN_DIRECTORY } from './main-section.ts';
import { ENTRY_AT_REST, PROVED_FILE } from './revision-files.ts';

const entry = `${CONFIG_DIRECTORY}/entry.ini`;

/**
 * `-u __nouser__` is the nearest PgBouncer has to a check: it parses ini, users and access rules, opens no socket and
 * ends with "could not find user"; anything else, or an ERROR or WARNING before it, means the file is not sound. Of
 * programs only what the image contract names: the rest is the shell itself.
 */
export const START_SCRIPT = `set -u
line=
file=${entry}
IFS= read -r line < ${entry} || :
[ "$line" = "${ENTRY_AT_REST}" ] || file=${CONFIG_DIRECTORY}/${PROVED_FILE}
said=$(pgbouncer -u __nouser__ "$file" 2>&1)
case "$said" in
*'] ERROR '*|*'] WARNING '*) sound=no ;;
*"could not find user '__nouser__'"*) sound=yes ;;
*) sound=no ;;
esac
if [ "$sound" = no ]; then
  printf '%s\\n' "$said" | while IFS= read -r line; do
    case "$line" in
    *'invalid value "'*'" for parameter'*)
      line="\${line%%invalid value \\"*}invalid value for parameter\${line##*\\" for parameter}" ;;
    esac
    printf '%s\\n' "$line"
  done >&2
  echo "poolkeeper: PgBouncer refuses its configuration, see above" >&2
  exit 1
fi
exec pgbouncer "$file"
`;

export const DRAIN_SECONDS = 10;

/**
 * Keep serving while the endpoints of the Service forget the pod, then let transactions finish (SIGINT), and wait: the
 * kubelet's SIGTERM after a hook that returned early would be PgBouncer's "second signal", an immediate exit.
 */
export const STOP_SCRIPT = `sleep ${DRAIN_SECONDS}
kill -INT 1
while :; do sleep 1; done
`;

export const PROBE_COMMAND: readonly string[] = ['pg_isready', '-q', '-h', RUN_DIRECTORY, '-p', '6432', '-t', '3'];
