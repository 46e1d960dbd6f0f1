# bench: sources and programs.
