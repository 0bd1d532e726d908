"""What puts a value right: in `clean`, and in the recipe for a row to answer."""
