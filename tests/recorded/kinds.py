"""Which properties depend on the moment that was recorded, and which headers on who recorded it."""

from __future__ import annotations

MOMENT = {  # their values: compared by type
    "state", "allocationState", "previousState", "provisioningState", "currentDedicatedNodes",
    "currentLowPriorityNodes", "currentDedicated", "runningTasksCount", "runningTaskSlotsCount", "totalTasksRun",
    "totalTasksSucceeded", "exitCode", "result", "retryCount", "requeueCount", "active", "running", "completed",
    "succeeded", "failed", "total", "numSucceededTasks", "idle", "starting", "creating", "leavingPool", "unknown",
    "taskState", "numberOfFilesUploaded",
}  # fmt: skip
MAYBE = {  # whether they are there: not held against either side
    "startTime", "endTime", "exitCode", "result", "failureInfo", "previousState", "previousStateTransitionTime",
    "nodeInfo", "recentTasks", "resizeErrors", "resizeError", "recentJob", "nextRunTime", "terminateReason",
    "schedulingError", "lastBootTime", "startTaskInfo", "lastRetryTime", "odata.nextLink", "containerInfo",
    "affinityId", "taskRootDirectory", "taskRootDirectoryUrl", "errors", "autoScaleRun", "nodePrepareTaskResult",
    "nodeAgentInfo",
}  # fmt: skip
HOP = {
    "date", "server", "connection", "content-length", "transfer-encoding", "keep-alive", "vary", "cache-control",
    "expires", "pragma",
}  # fmt: skip
FILTERED = {"client-request-id", "retry-after", "x-ms-client-request-id", "authorization"}  # recorders drop these
