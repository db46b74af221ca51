"""The assembler: from a run's history to its targets, for one run or many, with the ledger of what was sent."""
