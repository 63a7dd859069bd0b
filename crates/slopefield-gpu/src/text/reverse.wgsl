// The time of a stage.
fn time_of(stage: word, now: ticks, taken: ticks) -> real {
$settings
$times
}

// The state of a stage after the first, from the slopes before it.
fn stage_state(stage: word, step: real) {
$states
}

// Adds to the cotangents of the slopes before a stage what its state sends them.
fn send_back(stage: word, step: real) {
$sent
}

// The states of all stages of a step, the last of which is its end.
fn step_states(now: ticks, taken: ticks) {
$settings
    let step: real = direction * (real(taken) * tick);
    for (var stage: word = 0u; stage < $stages - 1u; stage++) {
        rhs(time_of(stage, now, taken), stage * $n);
        stage_state(stage + 1u, step);
    }
}

fn weight(save: word, i: word) -> real {
    return own_values[($weights + save * $n + i) * lanes + lane];
}

fn depends() -> bool {
    for (var i: word = 0u; i < $n; i++) {
        if (!(lambda[i] == real(0.0) && kappa[i] == real(0.0))) { return true; }
    }
    return false;
}

// Makes the cotangent of a slope that of the step after; whether it is not 0.
fn take_kappa(base: word) -> bool {
    var any: bool = false;
    for (var i: word = 0u; i < $n; i++) {
        slopes[base + i] = kappa[i];
        if (!(kappa[i] == real(0.0))) { any = true; }
    }
    return any;
}

fn reverse_step(now: ticks, taken: ticks, within: bool) {
$settings
    let step: real = direction * (real(taken) * tick);
    for (var i: word = 0u; i < $all; i++) {
        slopes[i] = real(0.0);
    }
    if (within) {
$scattered
    }
    for (var i: word = 0u; i < $n; i++) {
        kappa[i] = kappa[i] + slopes[$last + i];
    }
    var stage: word = $stages;
    var any: bool = take_kappa($last);
    while (stage > 1u) {
        stage = stage - 1u;
        if (any) {
            vjp(time_of(stage, now, taken), stage * $n);
            for (var i: word = 0u; i < $n; i++) {
                lambda[i] = lambda[i] + bar[i];
            }
        }
        if (stage == $stages - 1u) {
            // The last stage is the first of the next step; the others follow from the result.
$weighted
            if (within) {
                for (var i: word = 0u; i < $n; i++) {
                    lambda[i] = lambda[i] + moments[i];
                }
            }
            any = true;
        } else {
            send_back(stage, step);
        }
    }
    for (var i: word = 0u; i < $n; i++) {
        kappa[i] = slopes[i];
    }
}

fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    var progress: word = counts[6u * lanes + lane];
    if (progress == 2u) { return; }
    let room: word = tables[$limitsu];
    let stride: word = tables[$limitsu + 1u];
    let budget: word = tables[$limitsu + 2u];
    let saves: word = tables[$limitsu + 4u];
    let times: word = lanes + saves;
    let tape: word = 4u * $n + 2u;
    let segment: word = tape + ((room + stride - 1u) / stride) * $n;
    var left: word = counts[7u * lanes + lane];
    var next_save: word = counts[8u * lanes + lane];
    var filled: word = counts[9u * lanes + lane];
    if (progress == 0u) {
        progress = 1u;
        left = counts[2u * lanes + lane];
        next_save = counts[lanes + lane];
        filled = 0u;
        var possible: bool = left <= room;
        for (var save: word = next_save; save < saves; save++) {
            for (var i: word = 0u; i < $n; i++) {
                if (!(weight(save, i) == real(0.0))) { possible = false; }
            }
        }
        if (!possible) {
            for (var i: word = 0u; i < $rows; i++) {
                results[i * lanes + lane] = nan();
            }
            counts[6u * lanes + lane] = 2u;
            return;
        }
        for (var i: word = 0u; i < $n; i++) {
            lambda[i] = real(0.0);
            kappa[i] = real(0.0);
        }
        for (var i: word = $n; i < $rows; i++) {
            results[i * lanes + lane] = real(0.0);
        }
    } else {
        for (var i: word = 0u; i < $n; i++) {
            lambda[i] = kept[(2u * $n + 2u + i) * lanes + lane];
            kappa[i] = kept[(3u * $n + 2u + i) * lanes + lane];
        }
    }
$begin_params
    var tries: word = 0u;
    while (left > 0u && tries < budget) {
        tries = tries + 1u;
        let at: word = left - 1u;
        let first: word = (at / stride) * stride;
        var now: ticks = ticks(0u);
        if (at > 0u) { now = clock[times + (at - 1u) * lanes + lane]; }
        let taken: ticks = clock[times + at * lanes + lane] - now;
        var within: bool = false;
        for (var i: word = 0u; i < $moments; i++) {
            moments[i] = real(0.0);
        }
        while (next_save > 0u && clock[lanes + next_save - 1u] > now) {
            next_save = next_save - 1u;
            let passed: ticks = clock[lanes + next_save] - now;
            if (passed == taken) {
                for (var i: word = 0u; i < $n; i++) {
                    lambda[i] = lambda[i] + weight(next_save, i);
                }
            } else {
                let theta: real = real(passed) / real(taken);
                for (var i: word = 0u; i < $n; i++) {
                    let w: real = weight(next_save, i);
                    if (!(w == real(0.0))) { within = true; }
                    var power: real = w;
                    for (var d: word = i; d < $moments; d = d + $n) {
                        moments[d] = moments[d] + power;
                        power = power * theta;
                    }
                }
            }
        }
        left = at;
        if (within || depends()) {
            // From the last state that is known on.
            var k: word = at;
            var place: word = tape + (first / stride) * $n;
            if (at > first) {
                if (filled == first / stride + 1u) {
                    place = segment + (at - first) * $n;
                } else {
                    k = first;
                    filled = first / stride + 1u;
                    tries = tries + at - first;
                }
            }
            for (var i: word = 0u; i < $n; i++) {
                states[i] = kept[(place + i) * lanes + lane];
            }
            while (k <= at) {
                var then: ticks = ticks(0u);
                if (k > 0u) { then = clock[times + (k - 1u) * lanes + lane]; }
                step_states(then, clock[times + k * lanes + lane] - then);
                k = k + 1u;
                if (k <= at) {
                    for (var i: word = 0u; i < $n; i++) {
                        states[i] = states[$last + i];
                        kept[(segment + (k - first) * $n + i) * lanes + lane] = states[i];
                    }
                }
            }
            reverse_step(now, taken, within);
        }
    }
    if (left == 0u) {
        progress = 2u;
        let begin: real = joint_values[$t_startu];
        if (depends()) {
            for (var i: word = 0u; i < $n; i++) {
                states[i] = own_values[i * lanes + lane];
            }
            if (take_kappa(0u)) {
                vjp(begin, 0u);
                for (var i: word = 0u; i < $n; i++) {
                    lambda[i] = lambda[i] + bar[i];
                }
            }
        }
        while (next_save > 0u) {
            next_save = next_save - 1u;
            for (var i: word = 0u; i < $n; i++) {
                lambda[i] = lambda[i] + weight(next_save, i);
            }
        }
        for (var i: word = 0u; i < $n; i++) {
            results[i * lanes + lane] = lambda[i];
        }
    }
$end_params
    counts[6u * lanes + lane] = progress;
    counts[7u * lanes + lane] = left;
    counts[8u * lanes + lane] = next_save;
    counts[9u * lanes + lane] = filled;
    for (var i: word = 0u; i < $n; i++) {
        kept[(2u * $n + 2u + i) * lanes + lane] = lambda[i];
        kept[(3u * $n + 2u + i) * lanes + lane] = kappa[i];
    }
    if (progress == 1u) { atomicAdd(&open[0u], 1u); }
}
