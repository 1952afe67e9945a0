"""The whole path measured: real processes on this machine, everything but the network."""
