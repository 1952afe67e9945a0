"""One folder a channel. Contract: hear → ChatMessage, speak ← Speech."""
