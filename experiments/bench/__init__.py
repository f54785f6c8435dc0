"""Speed: ours, a plain reference and peers, alternating in one run, per CPU-second."""
