fn run_lane() {
    lanes = tables[0u];
    let thread: word = lane % 64u;
    let group: word = lane / 64u;
    let lane_tiles: word = (lanes + $side - 1u) / $side;
    let first_lane: word = (group % lane_tiles) * $side;
    let first_row: word = (group / lane_tiles) * $side;
    let across: word = thread % 8u;
    let down: word = thread / 8u;
    var row: word = 0u;
    var term: word = 0u;
    // Nothing is done where no trajectory wants it.
    var terms: word = 0u;
    if (counts[10u * lanes + first_lane / 64u] == 1u) { terms = $terms; }
$sums
    for (var begin: word = 0u; begin < terms; begin = begin + $depth) {
        for (var m: word = thread; m < $side * $depth; m = m + 64u) {
            row = first_row + $row_of;
            term = begin + $term_of;
            var value: real = real(0.0);
            if (row < $rows && term < $terms) { value = $entry; }
            tile_a[($term_of) * $pitch + $row_of] = value;
        }
        for (var m: word = thread; m < $side * $depth; m = m + 64u) {
            lane = first_lane + m % $side;
            term = begin + m / $side;
            var value: real = real(0.0);
            if (lane < lanes && term < $terms) { value = $operand; }
            tile_x[m] = value;
        }
        workgroupBarrier();
        for (var k: word = 0u; k < $depth; k++) {
            let of_a: word = k * $pitch + down;
            let of_x: word = k * $side + across;
$products
        }
        workgroupBarrier();
    }
$stores
}
