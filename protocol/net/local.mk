# protocol/net: sources and programs.
