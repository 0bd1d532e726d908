"""MLflow: the tracking store, a training's run, the registry, and the model as it is served.

Only the modules in this folder import mlflow, and only inside functions: it takes seconds.
"""
