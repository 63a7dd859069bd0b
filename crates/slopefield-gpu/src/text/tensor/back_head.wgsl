fn end_of(left: word) -> ticks {
    return clock[2u * lanes + tables[$limitsu + 1u] + (left - 1u) * lanes + lane];
}

// The first step begins with the span.
fn begin_of(left: word) -> ticks {
    if (left < 2u) { return ticks(0u); }
    return end_of(left - 1u);
}

