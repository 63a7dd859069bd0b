$head
// Weights of the save times in the step that is reversed next: at its end they join the cotangent of the
// state, within it its moments.
fn run_lane() {
$part
    let left: word = counts[lane];
    var save: word = counts[lanes + lane];
    for (var d: word = 0u; d < $degrees; d++) {
        for (var i: word = first; i < last; i++) {
            work[($row_moments + d * $n + i) * lanes + lane] = real(0.0);
        }
    }
    let begin: ticks = begin_of(left);
    let taken: ticks = end_of(left) - begin;
    while (save > 0u && clock[2u * lanes + save - 1u] > begin) {
        save = save - 1u;
        let passed: ticks = clock[2u * lanes + save] - begin;
        for (var i: word = first; i < last; i++) {
            let w: real = own_values[($weights + save * $n + i) * lanes + lane];
            if (passed == taken) {
                work[($row_lambda + i) * lanes + lane] = work[($row_lambda + i) * lanes + lane] + w;
            } else {
                let theta: real = real(passed) / real(taken);
                var power: real = w;
                for (var d: word = 0u; d < $degrees; d++) {
                    let at: word = ($row_moments + d * $n + i) * lanes + lane;
                    work[at] = work[at] + power;
                    power = power * theta;
                }
            }
        }
    }
}
