"""SQLAlchemy with asyncpg, at its default settings: an engine with its pool, transactions, expressions with parameters."""

import asyncio
import json
import os
import uuid

import sqlalchemy
from sqlalchemy import Column, Integer, MetaData, String, Table, delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

CONNECTIONS = int(os.environ.get("CONNECTIONS", "8"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
RUN = str(uuid.uuid4())

visits = Table(
    "visits",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("client", String),
    Column("note", String),
)
COUNT = select(func.count()).select_from(visits).where(visits.c.client == RUN)
CLEAR = delete(visits).where(visits.c.client == RUN)
BACKEND = select(func.pg_backend_pid())


def new(note):
    return insert(visits).values(client=RUN, note=note)


def make_engine():
    options = {}
    if os.environ.get("PREPARED") == "unnamed":
        # What SQLAlchemy's documentation names for PgBouncer: no cache, and no name twice.
        options = {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__asyncpg_{uuid.uuid4()}__",
        }
    # Host, port, user, password, database and TLS come from libpq's variables, which asyncpg reads.
    return create_async_engine(
        "postgresql+asyncpg://", pool_size=CONNECTIONS, connect_args={"timeout": 20, **options}
    )


async def transaction(engine):
    async with engine.connect() as connection:
        backends = {await connection.scalar(BACKEND)}
        await connection.execute(new("one"))
        await connection.execute(new("two"))
        inside = await connection.scalar(COUNT)
        backends.add(await connection.scalar(BACKEND))
        await connection.rollback()
        after_rollback = await connection.scalar(COUNT)
        await connection.execute(new("three"))
        await connection.commit()
        return {
            "inside": inside,
            "afterRollback": after_rollback,
            "afterCommit": await connection.scalar(COUNT),
            "backends": len(backends),
        }


async def prepared(engine):
    statement = text("SELECT CAST(:value AS int) * 2 AS twice, pg_backend_pid() AS backend")

    async def work(number):
        rows = []
        async with engine.connect() as connection:
            for value in range(number * 100, number * 100 + ROUNDS):
                rows.append((value, (await connection.execute(statement, {"value": value})).one()))
                await connection.commit()  # the next one may meet another server
        return rows

    rows = [row for each in await asyncio.gather(*map(work, range(CONNECTIONS))) for row in each]
    return {
        "executions": len(rows),
        "wrong": sum(row.twice != value * 2 for value, row in rows),
        "backends": len({row.backend for _, row in rows}),
    }


async def sqlstate(work):
    try:
        await work
    except DBAPIError as error:
        return error.orig.sqlstate
    return "none"


async def failure(engine):
    division = text("SELECT 1 / CAST(:zero AS int)")
    async with engine.connect() as connection:
        outside = await sqlstate(connection.execute(division, {"zero": 0}))
        await connection.rollback()
        await connection.execute(new("lost"))
        inside = await sqlstate(connection.execute(division, {"zero": 0}))
        await connection.rollback()
        return {"sqlstate": outside, "inside": inside, "afterwards": await connection.scalar(select(1))}


async def concurrent(engine):
    async with engine.begin() as connection:
        await connection.execute(CLEAR)

    async def work(number):
        for each in range(ROUNDS):
            async with engine.begin() as connection:
                await connection.execute(new(f"{number}.{each}"))
                await connection.execute(select(func.pg_sleep(0.001)))

    await asyncio.gather(*map(work, range(CONNECTIONS)))
    async with engine.connect() as connection:
        return {"transactions": CONNECTIONS * ROUNDS, "rows": await connection.scalar(COUNT)}


async def who(engine):
    async with engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        tls = driver._transport.get_extra_info("ssl_object")
        return {
            "serverVersion": driver.get_settings().server_version,
            "tls": tls.version() if tls else None,
            "serverTls": await connection.scalar(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")),
            "user": await connection.scalar(text("SELECT current_user")),
            "database": await connection.scalar(text("SELECT current_database()")),
        }


async def main():
    engine = make_engine()
    report = {
        "client": "sqlalchemy",
        "library": sqlalchemy.__version__,
        **await who(engine),
        "transaction": await transaction(engine),
        "prepared": await prepared(engine),
        "failure": await failure(engine),
        "concurrent": await concurrent(engine),
    }
    async with engine.begin() as connection:
        await connection.execute(CLEAR)
    await engine.dispose()
    print(json.dumps(report))


asyncio.run(main())
