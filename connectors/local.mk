# connectors: sources and programs.
