"""The local Resource Manager's general part: groups, deployments, resources, roles, providers, image builds.

`Resources` holds what was provisioned; `routes` answers the calls. As long as nothing was provisioned,
nothing is refused: the local Azure begins as if all had been set up and every role given.
"""
