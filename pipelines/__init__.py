"""registry-cohorts: from a registry extract to an honest estimate beside the published one."""
