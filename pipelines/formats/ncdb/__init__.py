"""NCDB Participant User File: as sent, and as converted to a table."""
