$norms
fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
$mark
    if (wanted == 0u) { return; }
$settings
    let floor_step: real = greater(h_min, $smallest_step * tick);
    var h: real = lesser(greater(work[$at_h], floor_step), h_max);
    let left: ticks = $whole - clock[lane];
    var taken: ticks = left;
    let longest: real = h * rate;
    if (real(left) > real(1.01) * longest) {
        taken = ticks(longest);
        h = real(taken) * tick;
    }
    work[$at_h] = h;
    work[$at_step] = direction * (real(taken) * tick);
    clock[lanes + lane] = taken;
}
