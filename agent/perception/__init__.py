"""Encoders: from senses to codes, and codes joined into one."""
