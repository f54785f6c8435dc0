"""One file per command: its docstring is its help, `arguments(parser)` and `run(args)` are what it does."""
