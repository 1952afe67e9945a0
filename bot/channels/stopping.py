"""Being cancelled, reliably."""

from __future__ import annotations

import asyncio


def heed_cancel() -> None:
    """Raise CancelledError if this task was cancelled and somebody below swallowed it. Endless loops call it every turn.

    Until Python 3.12 asyncio.wait_for forgets a cancellation that arrives while its own wait just ends, and redis-py waits
    with it on every command (measured with redis 8.1 on Python 3.11: one cancellation in ten was lost).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
