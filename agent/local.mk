# agent: sources and programs.
