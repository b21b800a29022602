"""Model wrappers: loading, batching, devices. They know neither the framework nor the stages."""
