# conf: sources and programs.
