"""Random changes of training rows, a file a kind of column: on the batch, in torch, or written down as copies."""
