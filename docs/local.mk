# docs: sources and programs.
