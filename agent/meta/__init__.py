"""What judges and steers the rest: the critic, later the meta-controller."""
