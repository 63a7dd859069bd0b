        let clamped: real = lesser(greater(square, $smallest_square), $largest_square);
        let log2_error: real = real(0.5) * control_log2(clamped);
        var power: real = -$rejection * log2_error;
        var ceiling: real = real(0.95);
        if (ok) {
            power = $beta * previous - $alpha * log2_error;
            ceiling = $max_factor;
            if (after_rejection == 1u) { ceiling = real(1.0); }
        }
        var factor: real = lesser(greater($safety * control_exp2(power), $min_factor), ceiling);
        if (!finite) { factor = $nonfinite_factor; }
