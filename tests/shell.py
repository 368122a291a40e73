"""The environment of a user's fresh shell, for tests that start programs as a user would."""

import os

# Without what points at an Azure, local or not.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("BATCHKIT_", "AZURE_"))}
