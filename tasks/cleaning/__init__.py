"""What `clean` looks for and puts right: one file a rule."""
