"""One trouble that hits many groups at once: many tickets, announced once to every group it concerns."""
