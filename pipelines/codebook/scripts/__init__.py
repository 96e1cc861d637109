"""Layouts from the programs of SAS, SPSS and Stata that registries send with their data."""
