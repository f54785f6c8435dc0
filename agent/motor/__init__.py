"""From drives to actions."""
