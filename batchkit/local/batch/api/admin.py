"""The service's own calls, which Azure does not have: the fault plan, at /_local/faults.

GET shows what is left of it, PUT replaces it, POST adds to it, DELETE empties it; the body is
`{"fault": [{"kind": "throttle", "operation": "create_task", "times": 3}]}`. They want a Batch token too.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from batchkit.local.batch.engine.faults import schedule
from batchkit.local.batch.state.fault_plan import read
from batchkit.local.batch.state.state import State

PATH = "/_local/faults"
METHODS = ["GET", "PUT", "POST", "DELETE"]


async def faults(state: State, request: Request) -> Response:
    """Answer a call about the fault plan."""
    if request.method in ("PUT", "POST"):
        try:
            fresh = read((await request.json()).get("fault"))
        except (ValueError, AttributeError) as problem:
            return JSONResponse({"code": "InvalidFaultPlan", "message": str(problem)}, 400)
        kept = state.faults.plan if request.method == "POST" else []
        state.faults.plan = [*kept, *fresh]
        schedule(state)
    elif request.method == "DELETE":
        state.faults.plan = []
    return JSONResponse({"fault": state.faults.shown()})
