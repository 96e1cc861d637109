"""NAACCR: flat files and XML, in the same columns."""
