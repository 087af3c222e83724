"""Why an exported file may fail with a peer; docs/exports.md says the same in words."""

import re

# (peer, outcome, case, what it says, reason)
ROWS = [
    ("checker", "invalid", r"^test_affine_grid_3d\w*_expanded$", r"op_type:Split",
     "a branch that is never taken splits 5 items into 4 parts"),
    (".*", "invalid|refused", r"^test_affine_grid_2d\w*_expanded$", r"Input to 'Range' op should be scalars",
     "Range gets vectors of one element, which an If hides in the original"),
]


def explain(who, outcome, name, why):
    """The reason, or None."""
    for peer, what, case, text, reason in ROWS:
        if re.fullmatch(peer, who) and re.fullmatch(what, outcome) and re.search(case, name) and re.search(text, why):
            return reason
    return None
