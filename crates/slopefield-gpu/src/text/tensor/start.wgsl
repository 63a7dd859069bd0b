fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
$settings
    let saves: word = tables[$limitsu + 1u];
    var phase: word = 1u;
    var bad: word = 0u;
    for (var i: word = 0u; i < $n; i++) {
        let x: real = own_values[i * lanes + lane];
        work[($row_u + i) * lanes + lane] = x;
        work[($row_stage + i) * lanes + lane] = x;
        if (!sf_is_finite(x) && phase == 1u) {
            phase = 6u;
            bad = i;
        }
    }
    var next_save: word = 0u;
    while (phase == 1u && next_save < saves && clock[2u * lanes + next_save] == ticks(0u)) {
        for (var i: word = 0u; i < $n; i++) {
            results[(next_save * $n + i) * lanes + lane] = work[($row_u + i) * lanes + lane];
        }
        next_save = next_save + 1u;
    }
    work[$at_time] = t_start;
    work[$at_h] = real(0.0);
    work[$at_previous] = $smallest_remembered;
    clock[lane] = ticks(0u);
    clock[lanes + lane] = ticks(0u);
    counts[lane] = phase;
    counts[lanes + lane] = next_save;
    counts[2u * lanes + lane] = 0u;
    counts[3u * lanes + lane] = 0u;
    counts[4u * lanes + lane] = 0u;
    counts[5u * lanes + lane] = bad;
    counts[8u * lanes + lane] = next_save;
    counts[9u * lanes + lane] = 0u;
}
