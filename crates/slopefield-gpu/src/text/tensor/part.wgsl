    lanes = tables[0u];
    let width: word = ((lanes + 63u) / 64u) * 64u;
    let chunk: word = lane / width;
    lane = lane % width;
    // As many chunks of elements as leave 16,384 groups of threads.
    var chunks: word = 16384u / (width / 64u);
    if (chunks < 1u) { chunks = 1u; }
    if (chunks > $lenu) { chunks = $lenu; }
    let share: word = ($lenu + chunks - 1u) / chunks;
    let first: word = chunk * share;
    var last: word = first + share;
    if (last > $lenu) { last = $lenu; }
    if (lane >= lanes || first >= $lenu) { return; }
    if (counts[$wantedu * lanes + lane] == 0u) { return; }
