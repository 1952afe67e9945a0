"""The intake API: owns the truth. A folder a domain; rules are pure, history is append-only."""
