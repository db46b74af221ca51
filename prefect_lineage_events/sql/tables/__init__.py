"""Statement -> tables that it reads and writes: a file for each family of verbs, a parser, a recovery."""
