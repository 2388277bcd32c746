"""Telephone calls: how they are counted, renewed, cut, and kept on disk. Both clients share it."""
