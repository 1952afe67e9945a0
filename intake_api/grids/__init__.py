"""Grids, their gazetteer and roster, and the chats bound to them."""
