"""`modelwright init`: looks at data, says what is in them, and writes a pipeline for them."""
