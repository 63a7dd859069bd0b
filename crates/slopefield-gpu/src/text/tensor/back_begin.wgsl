$head
// The step that is reversed, and whether anything depends on it and on the slope at its end.
fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    let left: word = counts[lane];
    var depends: word = 0u;
    var of_slope: word = 0u;
    if (left > 0u) {
        let begin: ticks = begin_of(left);
        let taken: ticks = end_of(left) - begin;
        clock[lane] = begin;
        clock[lanes + lane] = taken;
        work[$at_step] = joint_values[$directionu] * (real(taken) * joint_values[$ticku]);
        var save: word = counts[lanes + lane];
        while (save > 0u && clock[2u * lanes + save - 1u] > begin) {
            save = save - 1u;
        }
        for (var i: word = 0u; i < $n; i++) {
            if (!(work[($row_lambda + i) * lanes + lane] == real(0.0))) { depends = 1u; }
            if (!(work[($row_kappa + i) * lanes + lane] == real(0.0))) { of_slope = 1u; }
        }
        for (var i: word = 0u; i < $degrees * $n; i++) {
            if (!(work[($row_moments + i) * lanes + lane] == real(0.0))) { of_slope = 1u; }
        }
        if (of_slope == 1u) { depends = 1u; }
        counts[lanes + lane] = save;
        counts[lane] = left - 1u;
        counts[2u * lanes + lane] = left - 1u;
    }
    counts[3u * lanes + lane] = depends;
    counts[6u * lanes + lane] = of_slope;
}
