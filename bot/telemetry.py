"""What the bot's processes count, for Prometheus; served on MINHU_METRICS_PORT when it is set."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, start_http_server

HANDLED = Counter("minhu_entries_handled", "Stream entries finished by the assistant", ["kind"])
RETRIED = Counter("minhu_entries_retried", "Attempts at a stream entry that failed and were repeated")
POISONED = Counter("minhu_entries_poisoned", "Stream entries set aside with their error")
PHRASED = Counter("minhu_answers_phrased", "Answers handed to the language model, by what became of it", ["outcome"])
PHRASING_TOKENS = Counter("minhu_phrasing_tokens", "Tokens the language model was asked and answered")
HELD = Gauge("minhu_shards_held", "Shards this assistant reads")


def serve_metrics(port: int) -> None:
    """Raises OSError when the port is taken."""
    if port:
        start_http_server(port, addr="127.0.0.1")
