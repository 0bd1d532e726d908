"""What all pages have in common that the tool writes: how they are made, and how they look."""
