"""Sign-in accounts, service tokens, and what a resident may ask about themselves."""
