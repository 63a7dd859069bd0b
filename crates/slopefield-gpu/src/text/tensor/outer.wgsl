// A square of the sum, over the trajectories of a block, of products of two vectors.
fn run_lane() {
    lanes = tables[0u];
    let thread: word = lane % 64u;
    let group: word = lane / 64u;
    let block: word = group / $squares;
    let square: word = group % $squares;
    let first_row: word = (square % $tall) * $side;
    let first_col: word = (square / $tall) * $side;
    let across: word = thread % 8u;
    let down: word = thread / 8u;
    let first_lane: word = block * $blocku;
    var row: word = 0u;
    var col: word = 0u;
$sums
    for (var begin: word = 0u; begin < $blocku; begin = begin + $depth) {
        for (var m: word = thread; m < $side * $depth; m = m + 64u) {
            lane = first_lane + begin + m % $depth;
            row = first_row + m / $depth;
            col = first_col + m / $depth;
            var a: real = real(0.0);
            var x: real = real(0.0);
            if (lane < lanes && counts[6u * lanes + lane] == 1u) {
                if (row < $rows) { a = $left; }
                if (col < $cols) { x = $right; }
            }
            tile_a[(m % $depth) * $pitch + m / $depth] = a;
            tile_x[(m % $depth) * $pitch + m / $depth] = x;
        }
        workgroupBarrier();
        for (var k: word = 0u; k < $depth; k++) {
            let of_a: word = k * $pitch + down;
            let of_x: word = k * $pitch + across;
$products
        }
        workgroupBarrier();
    }
$stores
}
