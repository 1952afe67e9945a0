"""Every published version of the catalogue of matters, whole; tickets name the version they were filed under."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from intake_api.db import Base, Instant, Json


class CatalogueVersion(Base):
    """One version, never changed after it was published. `body` is a mapping as in nlp/taxonomy.yaml, `digest` its SHA-256."""

    __tablename__ = "catalogue_versions"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[dict[str, Any]] = mapped_column(Json)
    digest: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[datetime] = mapped_column(Instant)
    published_by: Mapped[str] = mapped_column(String(100))
