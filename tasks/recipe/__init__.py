"""How a raw row becomes model input, and how that is learnt from the training rows."""
