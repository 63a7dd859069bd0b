// Where the step has been accepted: states at save times, and the beginning of the next step.
fn run_lane() {
$part
    let reached: word = counts[lanes + lane];
    let now: ticks = clock[lane];
    let taken: ticks = clock[lanes + lane];
    let step: real = work[$at_step];
    var save: word = counts[8u * lanes + lane];
    while (save < reached) {
        let at: ticks = clock[2u * lanes + save];
        if (at == now) {
            for (var i: word = first; i < last; i++) {
                results[(save * $n + i) * lanes + lane] = work[($row_end + i) * lanes + lane];
            }
        } else {
            let theta: real = real(at - (now - taken)) / real(taken);
$interpolant
        }
        save = save + 1u;
    }
$recorded
    for (var i: word = first; i < last; i++) {
        work[($row_u + i) * lanes + lane] = work[($row_end + i) * lanes + lane];
        work[($row_slopes + i) * lanes + lane] = work[($row_next + i) * lanes + lane];
    }
}
