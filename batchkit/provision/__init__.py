"""From an empty subscription to a pool that runs jobs, keyless, and back: plan, apply, verify, destroy.

    target = provision.target()        what is to be provisioned, from the settings file and the parameters
    provision.plan(target)             a table of what would change; nothing is changed
    session = provision.apply(target)  makes it, builds the image, writes what was learnt to the settings file
    provision.verify(target)           a table of checks, each with pass or what to do
    provision.destroy(target, name)    takes away what apply made, and nothing else

The template, its parameters and why it is as it is: README.md in this folder.
"""

from batchkit.provision.applying import apply
from batchkit.provision.checking import verify
from batchkit.provision.destroying import destroy
from batchkit.provision.image import WORKER
from batchkit.provision.planning import plan
from batchkit.provision.target import Target, target

__all__ = ["WORKER", "Target", "apply", "destroy", "plan", "target", "verify"]
