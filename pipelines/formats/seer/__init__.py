"""SEER: case listings and survival exports of SEER*Stat, research data in ASCII."""
