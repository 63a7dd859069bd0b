// The slope at the beginning of the solve, where anything depends on it.
fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    var of_slope: word = 0u;
    for (var i: word = 0u; i < $n; i++) {
        let kappa: real = work[($row_kappa + i) * lanes + lane];
        if (!(kappa == real(0.0))) { of_slope = 1u; }
        work[($row_weights + i) * lanes + lane] = kappa;
        work[($row_bar + i) * lanes + lane] = real(0.0);
        work[($row_stage + i) * lanes + lane] = own_values[i * lanes + lane];
    }
    work[$at_time] = joint_values[$t_startu];
    counts[6u * lanes + lane] = of_slope;
}
