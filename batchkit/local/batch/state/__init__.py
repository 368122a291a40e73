"""What the local Batch knows and keeps: pools, nodes, jobs and tasks, their file, and the faults it is told to have."""
