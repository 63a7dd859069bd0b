//! Constants against the literature, and measured orders on pinned steps.
