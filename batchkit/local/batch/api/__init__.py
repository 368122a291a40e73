"""One request: who may send it, what its body must be, and a module of handlers for each kind of thing."""
