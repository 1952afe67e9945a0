"""A cancellation is heeded, whoever swallowed it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from bot.channels.stopping import heed_cancel


async def test_a_swallowed_cancellation_ends_the_loop_all_the_same() -> None:
    async def deaf() -> None:
        while True:
            heed_cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    task = asyncio.ensure_future(deaf())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
