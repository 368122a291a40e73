"""One of two clients that race for a job: reads requests as lines of JSON, answers each with a line.

A request is {data, job_id, pool, files_per_task, delay}; files_per_task may be null, which leaves it to the plan.
"""

import json
import sys
import time

import batchkit
from batchkit import datasets, jobs


def main() -> None:
    session = batchkit.connect()
    for line in sys.stdin:
        asked = json.loads(line)
        time.sleep(asked["delay"])
        try:
            data = datasets.read(session, asked["data"])
            plan = jobs.plan(session, asked["job_id"], data, files_per_task=asked["files_per_task"])
            time.sleep(asked["delay"] / 2)
            said: dict[str, object] = {"tasks": len(jobs.submit(session, plan, asked["pool"]).tasks)}
        except batchkit.BatchkitError as error:
            said = {"refused": str(error)}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
