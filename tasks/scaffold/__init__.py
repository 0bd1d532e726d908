"""Makes a project of one's own, without the tool's code in it, and takes one to another version of the tool."""
