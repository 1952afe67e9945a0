"""The database of an installation, brought up to date from the command line with its faults in one line."""

from __future__ import annotations

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.errors import UsageError
from intake_api.migrations import upgrade


def bring_up_to_date(database: str) -> None:
    """Migrate the database. Raises UsageError when it cannot be reached, is none, or belongs to a newer version of ours."""
    try:
        upgrade(database)
    except CommandError as error:
        raise UsageError(f"the database is not of this version ({error}); install the Minhu that made it, or a newer one") from error
    except SQLAlchemyError as error:
        why = str(error.orig if isinstance(error, DBAPIError) else error).splitlines()[0]
        raise UsageError(f"the database cannot be used ({why}); correct MINHU_DATABASE_URL, or put a whole minhu.db there") from error
