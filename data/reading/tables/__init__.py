"""Tables: text with separators, Parquet, workbooks; one record a row."""
