$norms
// The squares of the errors of 32 states.
fn run_lane() {
    lanes = tables[0u];
    let width: word = ((lanes + 63u) / 64u) * 64u;
    let part: word = lane / width;
    lane = lane % width;
    if (lane >= lanes || part >= $parts) { return; }
    if (counts[6u * lanes + lane] == 0u) { return; }
    let first: word = part * 32u;
    var last: word = first + 32u;
    if (last > $n) { last = $n; }
    let step: real = work[$at_step];
    var square: real = real(0.0);
    {
$error
            let x: real = work[($row_stage + i) * lanes + lane];
            let size: real = greater(sf_abs(work[($row_u + i) * lanes + lane]), sf_abs(x));
            let ratio: real = control_ratio(e, scale(i, size));
            square = square + ratio * ratio;
            if (!(sf_is_finite(x) && sf_is_finite(e))) { square = nan(); }
        }
    }
    work[($row_parts + part) * lanes + lane] = square;
}
