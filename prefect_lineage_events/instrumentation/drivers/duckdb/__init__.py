"""DuckDB: connections, the functions of its module, relations and DataFrames."""
