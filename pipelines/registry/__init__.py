"""From received text to the canonical model: sql/staging, then sql/registry, for one submission."""

from pipelines.registry.run import RegistryFacts, build, derive

__all__ = ["RegistryFacts", "build", "derive"]
