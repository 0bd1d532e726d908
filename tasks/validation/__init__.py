"""What may be asked of data and what was answered: suites, profiles, drift, what was last accepted."""
