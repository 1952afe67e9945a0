"""Who is asked and who gets it: the ladder of confirmation, the lead unit of a matter, the clocks that wake them."""
