"""Cross-checks against lifelines, scikit-survival and statsmodels: a development group of their own.

The three pin pandas below 3 and so cannot live in the project's environment; `make crosscheck` makes one for
them. Where one of them cannot be imported nothing here is collected: the suite never needs a peer.
"""

import importlib.util

PEERS = ("lifelines", "sksurv", "statsmodels")

missing = [peer for peer in PEERS if importlib.util.find_spec(peer) is None]
collect_ignore_glob = ["test_*.py"] if missing else []
