"""The statistics: pure functions, arrays in, results out. Imports nothing of ours."""
