"""Tables that a mapping explains: delimited text, Parquet, DuckDB, PostgreSQL."""
