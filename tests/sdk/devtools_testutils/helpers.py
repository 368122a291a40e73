"""How a test runs: always live, never recorded."""


def is_live_and_not_recording() -> bool:
    """Tell that requests go to the service itself."""
    return True
