"""Photos and other evidence of tickets."""
