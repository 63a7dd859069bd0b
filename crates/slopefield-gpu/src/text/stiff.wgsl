// The slope, the matrix −∂f/∂u and ∂f/∂t at the beginning of a step.
fn linearise(t: real) {
    for (var i: word = 0u; i < $n; i++) {
        stage[i] = u[i];
        direction_of[i] = real(0.0);
        by_time[i] = real(0.0);
    }
$linearised
    rhs(t, 0u);
}

// Adds a number to the diagonal and divides into triangles, rows exchanged; false if that is impossible.
fn divide(shift: real) -> bool {
    for (var i: word = 0u; i < $n; i++) {
        matrix[i * $n + i] = matrix[i * $n + i] + shift;
    }
    for (var k: word = 0u; k < $n; k++) {
        var pivot: word = k;
        var most: real = sf_abs(matrix[k * $n + k]);
        for (var i: word = k + 1u; i < $n; i++) {
            let size: real = sf_abs(matrix[i * $n + k]);
            if (size > most) {
                most = size;
                pivot = i;
            }
        }
        if (most == real(0.0)) { return false; }
        pivots[k] = pivot;
        if (pivot != k) {
            for (var j: word = 0u; j < $n; j++) {
                let other: real = matrix[pivot * $n + j];
                matrix[pivot * $n + j] = matrix[k * $n + j];
                matrix[k * $n + j] = other;
            }
        }
        let inverse: real = real(1.0) / matrix[k * $n + k];
        for (var i: word = k + 1u; i < $n; i++) {
            let factor: real = matrix[i * $n + k] * inverse;
            matrix[i * $n + k] = factor;
            for (var j: word = k + 1u; j < $n; j++) {
                matrix[i * $n + j] = matrix[i * $n + j] - factor * matrix[k * $n + j];
            }
        }
    }
    return true;
}

// Solves for the slope from `base` on, which becomes the solution.
fn solve(base: word) {
    for (var k: word = 0u; k < $n; k++) {
        let pivot: word = pivots[k];
        let x: real = slopes[base + pivot];
        slopes[base + pivot] = slopes[base + k];
        slopes[base + k] = x;
    }
    for (var k: word = 0u; k < $n; k++) {
        let x: real = slopes[base + k];
        for (var i: word = k + 1u; i < $n; i++) {
            slopes[base + i] = slopes[base + i] - matrix[i * $n + k] * x;
        }
    }
    for (var left: word = $n; left > 0u; left--) {
        let k: word = left - 1u;
        var x: real = slopes[base + k];
        for (var j: word = left; j < $n; j++) {
            x = x - matrix[k * $n + j] * slopes[base + j];
        }
        slopes[base + k] = x / matrix[k * $n + k];
    }
}

