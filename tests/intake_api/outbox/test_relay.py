"""The relay: everything reaches its stream, in order, at least once, whoever dies; one of several processes does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from intake_api.contracts import Event, shard_of
from intake_api.db import Database
from intake_api.outbox.lease import LASTS, Holding
from intake_api.outbox.service import poke
from intake_api.outbox.tables import Outbox
from intake_api.outbox.worker import prune, relay, relay_once
from tests.intake_api.tickets.office import COMMUNITY, GRID_WORKER, Office
from tests.redis_server import RedisServer

SHARDS = 4


@pytest.fixture
async def office(db: Database) -> Office:
    return await Office(db).open()


def now() -> datetime:
    return datetime.now(UTC)


async def streamed(redis: Redis) -> list[tuple[int, Event]]:
    """(shard, event) of every stream, each stream in its order."""
    found = []
    for shard in range(SHARDS):
        for _, fields in await redis.xrange(f"events:{shard}"):
            found.append((shard, Event.model_validate_json(fields["event"])))
    return found


@asynccontextmanager
async def running(office: Office, redis_url: str, owner: str = "one") -> AsyncIterator[None]:
    redis, stop = Redis.from_url(redis_url), asyncio.Event()
    task = asyncio.create_task(relay(office.db, redis, office.vault, SHARDS, owner, stop, now))
    try:
        yield
    finally:
        stop.set()
        await task
        await redis.aclose()


async def until(condition: Callable[[], Any]) -> None:
    while not await condition():  # noqa: ASYNC110  # what is waited for lies in the database
        await asyncio.sleep(0.01)


async def nothing_waits(office: Office) -> bool:
    return not await office.rows(Outbox, Outbox.kind == "chat", Outbox.sent_at.is_(None))


async def test_every_event_reaches_the_stream_of_its_chat_in_order(office: Office, redis: Redis) -> None:
    tickets = [await office.dispatched(chat_id=f"group{n}") for n in range(5)]
    private = (await office.report(who="shy", private=True)).ticket.id
    await office.act(private, "reject", GRID_WORKER, reason="玩笑")
    for ticket_id in tickets:
        await office.act(ticket_id, "sign", COMMUNITY)
    expected = await office.events()
    while await relay_once(office.db, redis, office.vault, SHARDS, now()):
        pass
    got = await streamed(redis)
    assert {event.id for _, event in got} == {event.id for event in expected}
    assert len(got) == len(expected)
    assert all(shard == shard_of(event.channel, event.chat_id, SHARDS) for shard, event in got)
    assert ("reporter", "shy") in {(event.audience, event.chat_id) for _, event in got}
    for ticket_id in tickets:
        versions = [event.ticket.version for _, event in got if event.ticket.id == ticket_id and event.audience == "group"]
        assert versions == sorted(versions)


async def test_a_private_handle_is_not_readable_in_the_outbox(office: Office) -> None:
    ticket_id = (await office.report(who="shy-handle", private=True)).ticket.id
    await office.act(ticket_id, "reject", GRID_WORKER, reason="玩笑")
    rows = await office.rows(Outbox)
    assert any(row.sealed for row in rows)
    assert not any(b"shy-handle" in row.event or "shy-handle" in row.chat for row in rows)


async def test_a_relay_that_dies_between_sending_and_noting_sends_again_with_the_same_id(office: Office, redis: Redis) -> None:
    await office.report()
    reached = await office.events()

    class DyingDatabase(Database):
        def writing(self) -> Any:
            raise ConnectionAbortedError

    dying = DyingDatabase(office.db.url)
    with pytest.raises(ConnectionAbortedError):
        await relay_once(dying, redis, office.vault, SHARDS, now())
    await dying.close()
    assert await relay_once(office.db, redis, office.vault, SHARDS, now()) == len(reached)
    assert [event.id for _, event in await streamed(redis)] == [event.id for event in reached for _ in range(2)]


async def test_redis_may_go_and_come_back(office: Office) -> None:
    server = RedisServer()
    server.start()
    try:
        async with running(office, server.url):
            await office.report()
            await until(lambda: nothing_waits(office))
            server.kill()
            await office.report()
            async with Redis.from_url(server.url) as gone:
                await poke(gone)  # no harm
                with pytest.raises(RedisError):
                    await gone.ping()
            server.start()
            await until(lambda: nothing_waits(office))
        async with Redis.from_url(server.url, decode_responses=True) as redis:
            assert len({event.ticket.id for _, event in await streamed(redis)}) == 2
    finally:
        server.close()


async def test_two_processes_send_nothing_twice(office: Office, redis: Redis, redis_url: str) -> None:
    async with running(office, redis_url, "one"), running(office, redis_url, "two"):
        for _ in range(20):
            await office.report()
            await poke(redis)
        await until(lambda: nothing_waits(office))
    events = [event.id for _, event in await streamed(redis)]
    assert len(events) == len(set(events)) == len(await office.events())


async def test_a_job_passes_on_when_its_holder_dies_or_gives_it_up(db: Database) -> None:
    moment = [datetime(2026, 6, 2, tzinfo=UTC)]
    one, two = (Holding(db, "relay", owner, lambda: moment[0]) for owner in ("one", "two"))
    assert await one.held()
    assert not await two.held()
    moment[0] += LASTS / 2
    assert await one.held()
    moment[0] += LASTS + timedelta(seconds=1)  # the first one is dead
    assert await two.held()
    assert not await one.held()
    await two.give_up()
    assert await one.held()


async def test_what_was_told_days_ago_is_dropped(office: Office, redis: Redis) -> None:
    await office.report()
    sent = await relay_once(office.db, redis, office.vault, SHARDS, now())
    assert await prune(office.db, now()) == 0
    assert await prune(office.db, now() + timedelta(days=4)) == sent
