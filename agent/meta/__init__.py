"""What judges and steers the rest: critic, meta-controller, neuromodulators, confidence and drives."""
