"""What happens by itself: nodes boot, tasks start and end, pools scale, jobs end, schedules make jobs."""
