"""A second implementation of the network, written from `docs/arithmetic.md` and its pages alone."""
