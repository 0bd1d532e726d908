"""What models read: a block of values for each feature column, in memory and at rest."""
