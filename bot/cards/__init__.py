"""What residents and workers see and press: texts and buttons of cards, drawn from a ticket and nothing else."""
