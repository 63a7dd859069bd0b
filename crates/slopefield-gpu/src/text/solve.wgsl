$norms
fn square_of_state() -> real {
    var square: real = real(0.0);
    for (var i: word = 0u; i < $n; i++) {
        let ratio: real = u[i] / scale(i, sf_abs(u[i]));
        square = square + ratio * ratio;
    }
    return square * $mean;
}

fn square_of_slope(base: word, less: real) -> real {
    var square: real = real(0.0);
    for (var i: word = 0u; i < $n; i++) {
        let ratio: real = (slopes[base + i] - less * slopes[i]) / scale(i, sf_abs(u[i]));
        square = square + ratio * ratio;
    }
    return square * $mean;
}

fn first_step(now: ticks, again: bool) -> real {
$settings
    if (h_init > real(0.0) && !again) { return h_init; }
    let span: real = real($whole - now) * tick;
    let longest: real = lesser(span, h_max);
    let brief: real = real(1.0e-6) * lesser(span, real(1.0));
    let d0: real = sf_sqrt(square_of_state());
    let d1: real = sf_sqrt(square_of_slope(0u, real(0.0)));
    var h: real = brief;
    if (!(d0 < real(1.0e-5) || d1 < real(1.0e-5))) { h = real(0.01) * d0 / d1; }
    h = lesser(h, longest);
    for (var round: word = 0u; round < 12u; round++) {
        for (var i: word = 0u; i < $n; i++) {
            stage[i] = u[i] + direction * h * slopes[i];
        }
        rhs(t_start + direction * (real(now) * tick + h), $n);
        let d2: real = sf_sqrt(square_of_slope($n, real(1.0))) / h;
        if (sf_is_finite(d2)) {
            let steepest: real = greater(d1, d2);
            var h1: real = greater(h * real(1.0e-3), brief);
            if (steepest > real(1.0e-15)) {
                h1 = sf_pow(real(0.01) / steepest, $root);
            }
            return lesser(lesser(real(100.0) * h, h1), longest);
        }
        h = h * real(0.1);
    }
    return h;
}

$declared
fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    var phase: word = counts[lane];
    if (phase > 1u) { return; }
$held
$settings
    let budget: word = tables[$limitsu];
    let max_steps: word = tables[$limitsu + 1u];
    let saves: word = tables[$limitsu + 2u];
    let whole: ticks = $whole;
    var now: ticks = clock[lane];
    var next_save: word = counts[lanes + lane];
    var accepted: word = counts[2u * lanes + lane];
    var attempts: word = counts[3u * lanes + lane];
    var after_rejection: word = counts[4u * lanes + lane];
    var bad: word = 0u;
    var h: real = kept[2u * $n * lanes + lane];
    var previous: real = kept[(2u * $n + 1u) * lanes + lane];
$resumed
    if (phase == 0u) {
        phase = 1u;
        previous = $smallest_remembered;
        for (var i: word = 0u; i < $n; i++) {
            u[i] = own_values[i * lanes + lane];
            stage[i] = u[i];
            if (!sf_is_finite(u[i]) && phase == 1u) {
                phase = 6u;
                bad = i;
            }
        }
$started
        if (phase == 1u) {
            while (next_save < saves && clock[lanes + next_save] == ticks(0u)) {
                for (var i: word = 0u; i < $n; i++) {
                    results[(next_save * $n + i) * lanes + lane] = u[i];
                }
                next_save = next_save + 1u;
            }
            rhs(t_start, 0u);
            for (var i: word = 0u; i < $n; i++) {
                if (!sf_is_finite(slopes[i]) && phase == 1u) {
                    phase = 5u;
                    bad = i;
                }
            }
        }
        if (phase == 1u) { h = first_step(ticks(0u), false); }
        if (phase == 1u && max_steps == 0u) { phase = 3u; }
    } else {
        for (var i: word = 0u; i < $n; i++) {
            u[i] = kept[i * lanes + lane];
            slopes[i] = kept[($n + i) * lanes + lane];
        }
    }
    let floor_step: real = greater(h_min, $smallest_step * tick);
    var tries: word = 0u;
    while (phase == 1u && tries < budget) {
        tries = tries + 1u;
        h = lesser(greater(h, floor_step), h_max);
        let left: ticks = $end - now;
        var taken: ticks = left;
        let wanted: real = h * rate;
        if (real(left) > real(1.01) * wanted) {
            taken = ticks(wanted);
            h = real(taken) * tick;
        }
        let length: real = real(taken) * tick;
        let step: real = direction * length;
$attempt
        var square: real = real(0.0);
        var finite: bool = true;
        {
$error
                let size: real = greater(sf_abs(u[i]), sf_abs(stage[i]));
                let ratio: real = control_ratio(e, scale(i, size));
                square = square + ratio * ratio;
                if (!sf_is_finite(stage[i])) { finite = false; }
            }
        }
        square = square * $mean;
        // Where the states are finite, an error that is not makes this not finite.
        if (!sf_is_finite(square)) { finite = false; }
$judged
        let ok: bool = finite && square <= real(1.0);
$control
$foreseen
        attempts = attempts + 1u;
        if (ok) {
$prepared
            while (next_save < saves && clock[lanes + next_save] <= now + taken) {
                if (clock[lanes + next_save] == now + taken) {
                    for (var i: word = 0u; i < $n; i++) {
                        results[(next_save * $n + i) * lanes + lane] = stage[i];
                    }
                } else {
                    let theta: real = real(clock[lanes + next_save] - now) / real(taken);
$interpolant
                }
                next_save = next_save + 1u;
            }
$happened
            if (length < h) {
                h = greater(factor * length, h);
            } else {
                h = factor * length;
            }
            previous = greater(log2_error, $smallest_remembered);
            after_rejection = 0u;
$recorded
            accepted = accepted + 1u;
            now = now + taken;
            for (var i: word = 0u; i < $n; i++) {
                u[i] = stage[i];
            }
$promoted
            if (now == whole && phase == 1u) { phase = 2u; }
        } else {
            let tried: real = lesser(h, length);
            after_rejection = 1u;
            if (tried <= floor_step) {
                phase = 4u;
$collapsed
                if (!finite) {
                    for (var i: word = 0u; i < $n; i++) {
                        if (!sf_is_finite(stage[i]) && phase == 4u) {
                            phase = 5u;
                            bad = i;
                        }
                    }
                    for (var i: word = 0u; i < $all; i++) {
                        if (!sf_is_finite(slopes[i]) && phase == 4u) {
                            phase = 5u;
                            bad = i % $n;
                        }
                    }
                }
            }
            h = greater(factor * tried, floor_step);
        }
        if (phase == 1u && attempts >= max_steps) { phase = 3u; }
    }
    clock[lane] = now;
    counts[lane] = phase;
    counts[lanes + lane] = next_save;
    counts[2u * lanes + lane] = accepted;
    counts[3u * lanes + lane] = attempts;
    counts[4u * lanes + lane] = after_rejection;
    counts[5u * lanes + lane] = bad;
    for (var i: word = 0u; i < $n; i++) {
        kept[i * lanes + lane] = u[i];
        kept[($n + i) * lanes + lane] = slopes[i];
    }
    kept[2u * $n * lanes + lane] = h;
    kept[(2u * $n + 1u) * lanes + lane] = previous;
$paused
    if (phase == 1u) { atomicAdd(&open[0u], 1u); }
}
