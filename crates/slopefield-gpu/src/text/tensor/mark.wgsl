    // Whether the right-hand side is wanted: of this trajectory, and of any of 64 side by side.
    var wanted: word = 0u;
    if (counts[lane] == 1u || counts[lane] == 9u) { wanted = 1u; }
    counts[6u * lanes + lane] = wanted;
    counts[7u * lanes + lane] = 0u;
    if (lane % 64u == 0u) {
        var any: word = 0u;
        for (var k: word = lane; k < lane + 64u && k < lanes; k++) {
            if (counts[k] == 1u || counts[k] == 9u) { any = 1u; }
        }
        counts[$counts * lanes + lane / 64u] = any;
    }
