"""Bodies: one file each; the file name is the body's name."""
