"""An evidence synthesis as a reader would want it: pools, tables, methods, targets."""

from pathlib import Path

from pipelines.studies.compare import load_targets
from pipelines.studies.evidence.pools import BETWEEN_WORDS, pool_set
from pipelines.studies.language.evidence import EvidenceDefinition


def show_evidence(definition: EvidenceDefinition, catalog_dir: Path) -> str:
    """The protocol."""
    targets = load_targets(catalog_dir / "studies" / definition.id / "published.csv")
    lines = [
        f"{definition.title} ({definition.id})",
        "",
        f"Question: {definition.question}",
        "Sources that can answer: published estimates (catalog/evidence); a submission adds the site's own",
        *(f"Reference: {one}" for one in definition.references),
        "",
        "Pools:",
        *(line for pool in definition.pools for line in pool_lines(definition, pool.name, catalog_dir)),
        f"Side by side: {' and '.join(definition.shown)}",
        *(
            f"Sources that may hold the same people: {' and '.join(pair)}"
            for pair in definition.shared_sources
        ),
        *(
            f"The site's own: {one.study} by {one.analysis}, beside {one.beside}"
            + (" and in a pool with it" if one.joins else "")
            for one in definition.site
        ),
        f"Published numbers compared: {len(targets)}",
    ]
    return "\n".join(lines)


def pool_lines(definition: EvidenceDefinition, name: str, catalog_dir: Path) -> list[str]:
    """A pool: its words, its studies, how they are pooled."""
    pool = definition.pool(name)
    chosen = pool_set(pool, definition, catalog_dir)
    return [
        f"  {pool.name}: {pool.words}" + (" (membership is assumed)" if pool.assumed else ""),
        f"    {', '.join(one.name for one in chosen.rows)}",
        *(
            [f"    left out for overlap: {', '.join(one.name for one in chosen.left_out)}"]
            if chosen.left_out
            else []
        ),
        *(f"    {one.row} read otherwise: {one.words}" for one in pool.readings),
        f"    methods: {', '.join(pool.methods)}; between studies for the last ones: {BETWEEN_WORDS[pool.between]}",
    ]
