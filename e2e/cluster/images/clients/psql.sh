# psql as people and jobs use it: a session of its own each, many of them at once; from version 18 on it also speaks of
# named prepared statements. What each prints is data, and this script adds it up.
set -eu
connections=${CONNECTIONS:-8}
rounds=${ROUNDS:-5}
run=$(cat /proc/sys/kernel/random/uuid)
export PGCONNECT_TIMEOUT=20
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

session() { psql --no-psqlrc --quiet --no-align --tuples-only --variable=ON_ERROR_STOP=1 --variable=run="$run" "$@"; }
count="SELECT count(*) FROM visits WHERE client = :'run'"

# One session: what it is, a transaction given up and one kept, and statements that fail.
session > "$work/one" <<EOF
\conninfo
BEGIN;
SELECT pg_backend_pid() AS first \gset
INSERT INTO visits (client, note) VALUES (:'run', 'one');
INSERT INTO visits (client, note) VALUES (:'run', 'two');
SELECT count(*) AS inside FROM visits WHERE client = :'run' \gset
SELECT CASE WHEN pg_backend_pid() = :first THEN 1 ELSE 2 END AS backends \gset
ROLLBACK;
SELECT count(*) AS after_rollback FROM visits WHERE client = :'run' \gset
BEGIN;
INSERT INTO visits (client, note) VALUES (:'run', 'three');
COMMIT;
SELECT count(*) AS after_commit FROM visits WHERE client = :'run' \gset
\set ON_ERROR_STOP 0
SELECT 1 / 0;
\set outside :LAST_ERROR_SQLSTATE
BEGIN;
SELECT 1 / 0;
\set within :LAST_ERROR_SQLSTATE
ROLLBACK;
\set ON_ERROR_STOP 1
SELECT 1 AS afterwards \gset
DELETE FROM visits WHERE client = :'run';
\echo report :inside :after_rollback :after_commit :backends :outside :within :afterwards :SERVER_VERSION_NAME
SELECT 'who', current_user, current_database(), ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid();
EOF

# Many sessions at once: the same statement under the same name, then transactions.
one_of_many() {
  number=$1
  [ "${PREPARED:-named}" = unnamed ] || printf '%s\n' 'SELECT $1::int * 2, pg_backend_pid() \parse twice'
  round=0
  while [ "$round" -lt "$rounds" ]; do
    value=$((number * 100 + round))
    printf '%s\n' "\\echo -n $value ''"
    if [ "${PREPARED:-named}" = unnamed ]; then printf '%s\n' "SELECT \$1::int * 2, pg_backend_pid() \\bind $value \\g"
    else printf '%s\n' "\\bind_named twice $value \\g"; fi
    round=$((round + 1))
  done
  round=0
  while [ "$round" -lt "$rounds" ]; do
    printf '%s\n' 'BEGIN;' "INSERT INTO visits (client, note) VALUES (:'run', '$number.$round');" \
      'SELECT pg_sleep(0.001) \g /dev/null' 'COMMIT;'
    round=$((round + 1))
  done
}
number=0
waiting=
while [ "$number" -lt "$connections" ]; do
  one_of_many "$number" | session --field-separator=' ' > "$work/many.$number" &
  waiting="$waiting $!"
  number=$((number + 1))
done
for process in $waiting; do wait "$process"; done
rows=$(echo "$count;" | session)
echo "DELETE FROM visits WHERE client = :'run';" | session

cat "$work"/many.* | awk '
  { executions += 1; if ($2 != $1 * 2) wrong += 1; if (!($3 in backends)) { backends[$3]; different += 1 } }
  END { printf "%d %d %d\n", executions, wrong, different }' > "$work/prepared"
read -r executions wrong different < "$work/prepared"
# "SSL connection (protocol: TLSv1.3, ..." before version 18, "TLS Protocol|TLSv1.3" or "SSL Protocol|..." from it on.
tls=$(sed -n 's/.*[Pp]rotocol[^T]*\(TLSv[0-9.]*\).*/"\1"/p' "$work/one" | head -n 1)
sed -n 's/^report //p' "$work/one" > "$work/report"
read -r inside after_rollback after_commit backends outside within afterwards version _ < "$work/report"
sed -n 's/^who|//p' "$work/one" > "$work/who"
IFS='|' read -r user database server_tls < "$work/who"
printf '{"client":"psql","library":"%s","serverVersion":"%s","tls":%s,"serverTls":%s,"user":"%s","database":"%s",' \
  "$(psql --version | awk '{print $3}')" "$version" "${tls:-null}" "$server_tls" "$user" "$database"
printf '"transaction":{"inside":%d,"afterRollback":%d,"afterCommit":%d,"backends":%d},' "$inside" "$after_rollback" "$after_commit" "$backends"
printf '"prepared":{"executions":%d,"wrong":%d,"backends":%d},' "$executions" "$wrong" "$different"
printf '"failure":{"sqlstate":"%s","inside":"%s","afterwards":%d},' "$outside" "$within" "$afterwards"
printf '"concurrent":{"transactions":%d,"rows":%d}}\n' "$((connections * rounds))" "$rows"
