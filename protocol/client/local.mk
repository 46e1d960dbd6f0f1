# protocol/client: sources and programs.
