$norms
fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    if (counts[6u * lanes + lane] == 0u) { return; }
$settings
    let max_steps: word = tables[$limitsu];
    let saves: word = tables[$limitsu + 1u];
    let whole: ticks = $whole;
    let floor_step: real = greater(h_min, $smallest_step * tick);
    let now: ticks = clock[lane];
    let taken: ticks = clock[lanes + lane];
    let length: real = real(taken) * tick;
    var h: real = work[$at_h];
    let previous: real = work[$at_previous];
    let after_rejection: word = counts[4u * lanes + lane];
    var phase: word = 1u;
    var square: real = real(0.0);
    for (var part: word = 0u; part < $parts; part++) {
        square = square + work[($row_parts + part) * lanes + lane];
    }
    square = square * $mean;
    let finite: bool = sf_is_finite(square);
    let ok: bool = finite && square <= real(1.0);
$control
    let attempts: word = counts[3u * lanes + lane] + 1u;
    counts[3u * lanes + lane] = attempts;
    if (ok) {
        var next_save: word = counts[lanes + lane];
        counts[8u * lanes + lane] = next_save;
        while (next_save < saves && clock[2u * lanes + next_save] <= now + taken) {
            next_save = next_save + 1u;
        }
        counts[lanes + lane] = next_save;
        if (length < h) {
            h = greater(factor * length, h);
        } else {
            h = factor * length;
        }
        work[$at_previous] = greater(log2_error, $smallest_remembered);
        counts[4u * lanes + lane] = 0u;
        counts[2u * lanes + lane] = counts[2u * lanes + lane] + 1u;
        counts[7u * lanes + lane] = 1u;
        clock[lane] = now + taken;
        if (now + taken == whole) { phase = 2u; }
    } else {
        let tried: real = lesser(h, length);
        counts[4u * lanes + lane] = 1u;
        if (tried <= floor_step) {
            phase = 4u;
            if (!finite) {
                for (var i: word = 0u; i < $n; i++) {
                    if (!sf_is_finite(work[($row_stage + i) * lanes + lane]) && phase == 4u) {
                        phase = 5u;
                        counts[5u * lanes + lane] = i;
                    }
                }
                for (var i: word = 0u; i < $all; i++) {
                    if (!sf_is_finite(work[($row_slopes + i) * lanes + lane]) && phase == 4u) {
                        phase = 5u;
                        counts[5u * lanes + lane] = i % $n;
                    }
                }
                for (var i: word = 0u; i < $n; i++) {
                    if (!sf_is_finite(work[($row_out + i) * lanes + lane]) && phase == 4u) {
                        phase = 5u;
                        counts[5u * lanes + lane] = i;
                    }
                }
            }
        }
        h = greater(factor * tried, floor_step);
    }
    if (phase == 1u && attempts >= max_steps) { phase = 3u; }
    work[$at_h] = h;
    counts[lane] = phase;
}
