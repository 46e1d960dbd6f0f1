# contrib: sources and programs.
