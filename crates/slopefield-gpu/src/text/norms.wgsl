fn greater(a: real, b: real) -> real {
    return select(b, a, a > b);
}

fn lesser(a: real, b: real) -> real {
    return select(b, a, a < b);
}

fn scale(i: word, size: real) -> real {
    let sum: real = joint_values[$atolu + i] + joint_values[$rtolu] * size;
    return greater(sum, $tiniest);
}

