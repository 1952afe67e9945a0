"""`make bench`: every figure with its n, its interval and its data; a registry of sections that anybody may add to."""
