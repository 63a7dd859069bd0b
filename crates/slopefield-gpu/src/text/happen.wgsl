// How many events have happened at a time, if `first` have before.
fn events_until(now: ticks, first: word) -> word {
    let list: word = lanes + tables[$limitsu + 2u];
    var next: word = first;
    while (next < word(clock[list]) && clock[list + 1u + 2u * next] <= now) {
        next = next + 1u;
    }
    return next;
}

// Where the next step must end at the latest.
fn end_before(next: word) -> ticks {
    let list: word = lanes + tables[$limitsu + 2u];
    if (next < word(clock[list])) { return clock[list + 1u + 2u * next]; }
    return $whole;
}

// Lets the events of an instant change the state in `stage`; gives how many have happened then.
fn happen(now: ticks, first: word) -> word {
$settings
    let list: word = lanes + tables[$limitsu + 2u];
    let next: word = events_until(now, first);
    for (var k: word = first; k < next; k++) {
        affect(word(clock[list + 2u + 2u * k]), t_start + direction * (real(now) * tick));
        for (var i: word = 0u; i < $n; i++) {
            stage[i] = changed[i];
        }
    }
    return next;
}

