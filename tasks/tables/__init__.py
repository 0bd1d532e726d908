"""Rows at rest: tables as folders of Parquet parts, the description of a data set, row hashes, the quarantine."""
