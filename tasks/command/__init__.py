"""The `modelwright` command: a thin face that imports what it runs when it runs it."""
