"""The replay page: a trace of an agent at work, and the page that shows it."""
