"""Files into records: CSV, JSON, Parquet, what is wrong with them, in bounded memory."""
