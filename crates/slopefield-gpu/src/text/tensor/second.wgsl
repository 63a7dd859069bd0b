$norms
// With the slope at the end of the trial step in `out`: the first step, or a shorter trial.
fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    if (counts[lane] != 9u) { return; }
$settings
    var h: real = work[$at_h];
    var square: real = real(0.0);
    for (var i: word = 0u; i < $n; i++) {
        let change: real = work[($row_out + i) * lanes + lane] - work[($row_slopes + i) * lanes + lane];
        let ratio: real = change / scale(i, sf_abs(work[($row_u + i) * lanes + lane]));
        square = square + ratio * ratio;
    }
    let d2: real = sf_sqrt(square * $mean) / h;
    let tries: word = counts[9u * lanes + lane] + 1u;
    var phase: word = 9u;
    if (sf_is_finite(d2)) {
        let span: real = real($whole) * tick;
        let steepest: real = greater(work[$at_step], d2);
        var h1: real = greater(h * real(1.0e-3), real(1.0e-6) * lesser(span, real(1.0)));
        if (steepest > real(1.0e-15)) {
            h1 = sf_pow(real(0.01) / steepest, $root);
        }
        h = lesser(lesser(real(100.0) * h, h1), lesser(span, h_max));
        phase = 1u;
    } else {
        h = h * real(0.1);
        if (tries == 12u) { phase = 1u; }
    }
    work[$at_h] = h;
    counts[9u * lanes + lane] = tries;
    if (phase == 1u && tables[$limitsu] == 0u) { phase = 3u; }
    counts[lane] = phase;
    if (phase == 9u) {
        atomicAdd(&open[0u], 1u);
        work[$at_time] = t_start + direction * h;
        for (var i: word = 0u; i < $n; i++) {
            work[($row_stage + i) * lanes + lane] = work[($row_u + i) * lanes + lane] + direction * h * work[($row_slopes + i) * lanes + lane];
        }
    }
}
