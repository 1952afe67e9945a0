"""Tickets: from the first sight of a matter to the day it is laid down, under one table of moves."""
