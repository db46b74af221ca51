"""Many flow runs that end within a minute, on a real server with a real assembler: when is the last one delivered?"""
