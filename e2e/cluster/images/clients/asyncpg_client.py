"""asyncpg as an application uses it: its pool, its transactions, and prepared statements as it makes them by default."""

import asyncio
import json
import os
import uuid

import asyncpg

CONNECTIONS = int(os.environ.get("CONNECTIONS", "8"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
RUN = str(uuid.uuid4())
# Without a cache asyncpg prepares each query anew, without a name: what PgBouncer before 1.21 needs.
OPTIONS = {"statement_cache_size": 0} if os.environ.get("PREPARED") == "unnamed" else {}

INSERT = "INSERT INTO visits (client, note) VALUES ($1, $2)"
SERVER_TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


async def count(connection):
    return await connection.fetchval("SELECT count(*) FROM visits WHERE client = $1", RUN)


async def transaction(pool):
    async with pool.acquire() as connection:
        open_transaction = connection.transaction()
        await open_transaction.start()
        backends = {await connection.fetchval("SELECT pg_backend_pid()")}
        await connection.execute(INSERT, RUN, "one")
        await connection.executemany(INSERT, [(RUN, "two")])
        inside = await count(connection)
        backends.add(await connection.fetchval("SELECT pg_backend_pid()"))
        await open_transaction.rollback()
        after_rollback = await count(connection)
        async with connection.transaction():
            await connection.execute(INSERT, RUN, "three")
        return {
            "inside": inside,
            "afterRollback": after_rollback,
            "afterCommit": await count(connection),
            "backends": len(backends),
        }


async def prepared(pool):
    async def work(number):
        async with pool.acquire() as connection:
            statement = "SELECT $1::int * 2 AS twice, pg_backend_pid() AS backend"
            rows = []
            for value in range(number * 100, number * 100 + ROUNDS):
                rows.append((value, await connection.fetchrow(statement, value)))
            return rows

    rows = [row for each in await asyncio.gather(*map(work, range(CONNECTIONS))) for row in each]
    return {
        "executions": len(rows),
        "wrong": sum(row["twice"] != value * 2 for value, row in rows),
        "backends": len({row["backend"] for _, row in rows}),
    }


async def sqlstate(work):
    try:
        await work
    except asyncpg.PostgresError as error:
        return error.sqlstate
    return "none"


async def failure(pool):
    async with pool.acquire() as connection:
        outside = await sqlstate(connection.fetchval("SELECT 1 / $1::int", 0))
        open_transaction = connection.transaction()
        await open_transaction.start()
        inside = await sqlstate(connection.fetchval("SELECT 1 / $1::int", 0))
        await open_transaction.rollback()
        return {"sqlstate": outside, "inside": inside, "afterwards": await connection.fetchval("SELECT 1")}


async def concurrent(pool):
    await pool.execute("DELETE FROM visits WHERE client = $1", RUN)

    async def work(number):
        for each in range(ROUNDS):
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute(INSERT, RUN, f"{number}.{each}")
                await connection.execute("SELECT pg_sleep(0.001)")

    await asyncio.gather(*map(work, range(CONNECTIONS)))
    return {"transactions": CONNECTIONS * ROUNDS, "rows": await count(pool)}


async def who(pool):
    async with pool.acquire() as connection:
        # The public interface does not tell; the transport does.
        tls = connection._transport.get_extra_info("ssl_object")
        return {
            "serverVersion": connection.get_settings().server_version,
            "tls": tls.version() if tls else None,
            "serverTls": await connection.fetchval(SERVER_TLS),
            "user": await connection.fetchval("SELECT current_user"),
            "database": await connection.fetchval("SELECT current_database()"),
        }


async def main():
    # Host, port, user, password, database and TLS come from libpq's variables.
    async with asyncpg.create_pool(min_size=CONNECTIONS, max_size=CONNECTIONS, timeout=20, **OPTIONS) as pool:
        report = {
            "client": "asyncpg",
            "library": asyncpg.__version__,
            **await who(pool),
            "transaction": await transaction(pool),
            "prepared": await prepared(pool),
            "failure": await failure(pool),
            "concurrent": await concurrent(pool),
        }
        await pool.execute("DELETE FROM visits WHERE client = $1", RUN)
    print(json.dumps(report))


asyncio.run(main())
