"""Where arrays live and what makes them fast: the namespaces, the device, the threads."""
