"""Coverage-guided fuzzing of every reader, where atheris is installed (it is no dependency of the project).

    python -m venv .venv-fuzz && .venv-fuzz/bin/pip install atheris -e .
    .venv-fuzz/bin/python -m tests.fuzz.fuzz_readers "naaccr xml" -max_total_time=600

The first argument names a seed of `tests.fuzz.seeds`; what follows are options of libFuzzer. A crash is a file
``crash-*`` that ``-runs=1 crash-…`` repeats.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pipelines.formats", "pipelines.codebook"]):
    from tests.fuzz.seeds import SEEDS, account


def main() -> None:
    """Fuzz one reader; its sound file is the corpus."""
    name, *options = sys.argv[1:]
    seed = SEEDS[name]()
    corpus = Path(tempfile.mkdtemp(prefix="cohorts-corpus-"))
    (corpus / "sound").write_bytes(seed.data)

    def one_input(data: bytes) -> None:
        account(seed, data)

    atheris.Setup([sys.argv[0], f"-max_len={2 * len(seed.data)}", *options, str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
