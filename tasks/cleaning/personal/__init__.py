"""Personal data: found, protected, and how well people hide among each other."""
