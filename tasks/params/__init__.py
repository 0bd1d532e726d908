"""params.yaml, typed: a file a section; frozen, closed, and refused at load with the cure in the message."""
