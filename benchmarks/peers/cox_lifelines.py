"""Seconds of lifelines' Cox fit: `python cox_lifelines.py <folder> <rows> <covariates>`; files as in cox.R."""

import json
import sys
import time
from pathlib import Path

import lifelines
import numpy as np
import pandas as pd

folder, n, p = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
people = pd.DataFrame(np.fromfile(folder / "x").reshape(p, n).T, columns=[f"x{j}" for j in range(p)]).assign(
    time=np.fromfile(folder / "time"), event=np.fromfile(folder / "event")
)
start = time.perf_counter()
fitted = lifelines.CoxPHFitter().fit(people, "time", "event")
seconds = time.perf_counter() - start
print(
    json.dumps({"seconds": seconds, "version": lifelines.__version__, "first": float(fitted.params_.iloc[0])})
)
