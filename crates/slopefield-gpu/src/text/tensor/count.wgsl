fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    if (counts[lane] == 1u) { atomicAdd(&open[0u], 1u); }
}
