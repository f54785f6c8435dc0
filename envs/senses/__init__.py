"""Senses: one file each; the file name is the sense's name."""
