"""Jobs: plan one, submit it, watch it, look at it. Each step may be run again, or gone on with from another machine."""

from batchkit.jobs.ending import cancel
from batchkit.jobs.lookup import logs, newest, state
from batchkit.jobs.planning import plan, rules_of
from batchkit.jobs.submission import ID, new_id, submit
from batchkit.jobs.watching import watch

__all__ = ["ID", "cancel", "logs", "new_id", "newest", "plan", "rules_of", "state", "submit", "watch"]
