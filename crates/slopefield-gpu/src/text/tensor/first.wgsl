$norms
// With the first slope in `out`: the first step, or a step to its end that tells how slopes change.
fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    if (counts[lane] != 1u) { return; }
$settings
    var phase: word = 9u;
    var states: real = real(0.0);
    var slopes: real = real(0.0);
    for (var i: word = 0u; i < $n; i++) {
        let x: real = work[($row_u + i) * lanes + lane];
        let slope: real = work[($row_out + i) * lanes + lane];
        work[($row_slopes + i) * lanes + lane] = slope;
        if (!sf_is_finite(slope) && phase == 9u) {
            phase = 5u;
            counts[5u * lanes + lane] = i;
        }
        let size: real = scale(i, sf_abs(x));
        states = states + (x / size) * (x / size);
        slopes = slopes + (slope / size) * (slope / size);
    }
    if (phase == 9u && h_init > real(0.0)) {
        work[$at_h] = h_init;
        phase = 1u;
    }
    if (phase == 1u && tables[$limitsu] == 0u) { phase = 3u; }
    if (phase == 9u) {
        let span: real = real($whole) * tick;
        let d0: real = sf_sqrt(states * $mean);
        let d1: real = sf_sqrt(slopes * $mean);
        var h: real = real(1.0e-6) * lesser(span, real(1.0));
        if (!(d0 < real(1.0e-5) || d1 < real(1.0e-5))) { h = real(0.01) * d0 / d1; }
        h = lesser(h, lesser(span, h_max));
        work[$at_h] = h;
        // Where steps have errors, the steepness at the beginning.
        work[$at_step] = d1;
        work[$at_time] = t_start + direction * h;
        for (var i: word = 0u; i < $n; i++) {
            work[($row_stage + i) * lanes + lane] = work[($row_u + i) * lanes + lane] + direction * h * work[($row_slopes + i) * lanes + lane];
        }
    }
    counts[lane] = phase;
}
