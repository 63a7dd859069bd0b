// Philox 4x32-10 on `bits`.
fn philox(first: word, second: word) {
    var key: word = first;
    var other: word = second;
    for (var round: word = 0u; round < 10u; round++) {
        let a: word = bits[0u];
        let b: word = bits[2u];
        bits[0u] = sf_high_product(0xCD9E8D57u, b) ^ bits[1u] ^ key;
        bits[1u] = 0xCD9E8D57u * b;
        bits[2u] = sf_high_product(0xD2511F53u, a) ^ bits[3u] ^ other;
        bits[3u] = 0xD2511F53u * a;
        key = key + 0x9E3779B9u;
        other = other + 0xBB67AE85u;
    }
}

// The key of the motion of this path.
fn set_key() {
    let first: word = tables[$limitsu + 3u];
    bits[0u] = first + lane;
    bits[1u] = tables[$limitsu + 4u] + select(0u, 1u, first + lane < first);
    bits[2u] = 1u;
    bits[3u] = 0x53504445u;
    philox(tables[$limitsu + 1u], tables[$limitsu + 2u]);
    key_words[0u] = bits[0u];
    key_words[1u] = bits[1u];
}

// Two normal numbers of the interval and source that four words tell.
fn draw(at: word, source: word) {
    bits[0u] = tables[at + 2u];
    bits[1u] = tables[at + 3u];
    bits[2u] = tables[at + 4u];
    bits[3u] = tables[at + 5u] | source;
    philox(key_words[0u], key_words[1u]);
    let radius: real = sf_normal_radius(bits[0u], bits[1u]);
    normals[0u] = radius * sf_cosine_of_turn(bits[2u], bits[3u]);
    normals[1u] = radius * sf_sine_of_turn(bits[2u], bits[3u]);
}

// One move in the tree of the motion; gives how many right halves wait now.
fn move_on(at: word, waiting: word) -> word {
    let kind: word = tables[at];
    let number: word = tables[at + 1u];
    if (kind == $cellu || kind == $divideu) {
        let root: real = joint_values[number];
        for (var s: word = 0u; s < $sources; s++) {
            draw(at, s);
            if (kind == $cellu) {
                node[s] = root * normals[0u];
                node[$sources + s] = root * $root_of_twelfth * normals[1u];
            } else {
                let w: real = node[s];
                let h: real = node[$sources + s];
                let bend: real = real(0.125) * root * normals[0u];
                let skew: real = root * $root_of_48th * normals[1u];
                let row: word = $n + 2u * waiting * $sources + s;
                node[s] = real(0.5) * w + real(1.5) * h + real(2.0) * bend;
                node[$sources + s] = real(0.25) * h - bend + skew;
                kept[row * lanes + lane] = real(0.5) * w - real(1.5) * h - real(2.0) * bend;
                kept[(row + $sources) * lanes + lane] = real(0.25) * h - bend - skew;
            }
        }
        return select(waiting + 1u, 0u, kind == $cellu);
    }
    if (kind == $popu) {
        for (var s: word = 0u; s < 2u * $sources; s++) {
            let row: word = $n + 2u * (waiting - 1u) * $sources + s;
            node[s] = kept[row * lanes + lane];
        }
        return waiting - 1u;
    }
    let before: real = joint_values[number];
    let after: real = joint_values[number + 1u];
    for (var s: word = 0u; s < $sources; s++) {
        let turned: real = real(0.5) * (after * increment[s] - before * node[s]);
        let mean: real = before * increment[$sources + s] + after * node[$sources + s];
        increment[$sources + s] = mean + turned;
        increment[s] = increment[s] + node[s];
    }
    return waiting;
}

// The noise of state i with the increments so far and the coefficients at the beginning.
fn noise_of(i: word) -> real {
$noise_of
}

fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    var phase: word = counts[lane];
    if (phase > 1u) { return; }
    let budget: word = tables[$limitsu];
    let steps: word = tables[$limitsu + 6u];
    var next_save: word = counts[lanes + lane];
    var accepted: word = counts[2u * lanes + lane];
    var at: word = counts[3u * lanes + lane];
    var waiting: word = counts[4u * lanes + lane];
    var bad: word = 0u;
    set_key();
    if (phase == 0u) {
        phase = 1u;
        at = $limitsu + 7u;
        for (var i: word = 0u; i < $n; i++) {
            u[i] = own_values[i * lanes + lane];
            if (!sf_is_finite(u[i]) && phase == 1u) {
                phase = 6u;
                bad = i;
            }
        }
        while (phase == 1u && next_save < tables[$limitsu + 5u]) {
            for (var i: word = 0u; i < $n; i++) {
                results[(next_save * $n + i) * lanes + lane] = u[i];
            }
            next_save = next_save + 1u;
        }
        if (phase == 1u && steps == 0u) { phase = 2u; }
    } else {
        for (var i: word = 0u; i < $n; i++) {
            u[i] = kept[i * lanes + lane];
        }
    }
    var tries: word = 0u;
    while (phase == 1u && tries < budget) {
        tries = tries + 1u;
        let moves: word = tables[at];
        let t: real = joint_values[tables[at + 1u]];
        let h: real = joint_values[tables[at + 2u]];
        let root: real = joint_values[tables[at + 2u] + 1u];
        let first_theta: word = tables[at + 3u];
        let within: word = tables[at + 4u];
        let at_end: word = tables[at + 5u];
        at = at + 6u;
        for (var i: word = 0u; i < $n; i++) {
            stage[i] = u[i];
        }
        drift(t, 0u);
        noise(t, 0u);
        for (var s: word = 0u; s < 2u * $sources; s++) {
            increment[s] = real(0.0);
        }
        var save: word = next_save;
        for (var k: word = 0u; k < moves; k++) {
            if (tables[at] == $marku) {
                for (var i: word = 0u; i < $n; i++) {
                    results[(save * $n + i) * lanes + lane] = noise_of(i);
                }
                save = save + 1u;
            } else {
                waiting = move_on(at, waiting);
            }
            at = at + 6u;
        }
$step
        for (var i: word = 0u; i < $n; i++) {
            if (!sf_is_finite(end[i]) && phase == 1u) {
                phase = 5u;
                bad = i;
            }
        }
        if (phase == 1u) {
            for (var k: word = 0u; k < within; k++) {
                let theta: real = joint_values[first_theta + k];
                for (var i: word = 0u; i < $n; i++) {
                    let place: word = ((next_save + k) * $n + i) * lanes + lane;
                    let chord: real = u[i] + theta * (end[i] - u[i]);
                    results[place] = chord + (results[place] - theta * noise_of(i));
                }
            }
            next_save = next_save + within;
            for (var k: word = 0u; k < at_end; k++) {
                for (var i: word = 0u; i < $n; i++) {
                    results[((next_save + k) * $n + i) * lanes + lane] = end[i];
                }
            }
            next_save = next_save + at_end;
            for (var i: word = 0u; i < $n; i++) {
                u[i] = end[i];
            }
            accepted = accepted + 1u;
            if (accepted == steps) { phase = 2u; }
        }
    }
    counts[lane] = phase;
    counts[lanes + lane] = next_save;
    counts[2u * lanes + lane] = accepted;
    counts[3u * lanes + lane] = at;
    counts[4u * lanes + lane] = waiting;
    counts[5u * lanes + lane] = bad;
    for (var i: word = 0u; i < $n; i++) {
        kept[i * lanes + lane] = u[i];
    }
    if (phase == 1u) { atomicAdd(&open[0u], 1u); }
}
