"""What a change does to the pipelines, for whoever has to say yes to it: plan, metrics, verdict, pictures."""
