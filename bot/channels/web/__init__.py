"""The web chat: a group and private chats in a browser, as residents and workers know them from their phones."""
