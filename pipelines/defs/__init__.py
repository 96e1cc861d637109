"""Dagster only: each asset, check, job and sensor is a few lines that call a step."""
