"""Working memory and episodic memory."""
