"""Gymnasium's MuJoCo tasks, native on our engines: one file each, with the observations and rewards of their v5."""
