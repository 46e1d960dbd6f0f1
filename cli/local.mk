# cli: sources and programs.
