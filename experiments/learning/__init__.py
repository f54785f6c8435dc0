"""Losses and update rules."""
