fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    for (var i: word = 0u; i < $n; i++) {
        var sum: real = work[($row_lambda + i) * lanes + lane] + work[($row_bar + i) * lanes + lane];
        for (var save: word = 0u; save < counts[lanes + lane]; save++) {
            sum = sum + own_values[($weights + save * $n + i) * lanes + lane];
        }
        work[($row_lambda + i) * lanes + lane] = sum;
    }
}
