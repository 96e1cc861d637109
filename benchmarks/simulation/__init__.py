"""The simulation study behind `docs/validation.md`: every estimator against a truth that is known."""
