"""Language tests judge what is read, never how long it took: dictionaries load on first use."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("language", deadline=None)
settings.load_profile("language")
