"""DVC: what is unchanged, what can be restored, and the run of a pipeline's stages that knows it."""
