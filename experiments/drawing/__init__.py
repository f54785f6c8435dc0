"""Drawings of a brain: where its modules stand, and how they look."""
