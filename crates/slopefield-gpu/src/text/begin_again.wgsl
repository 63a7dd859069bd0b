            if (next_event > event) {
                for (var i: word = 0u; i < $n; i++) {
                    stage[i] = u[i];
                }
                rhs(t_start + direction * (real(now) * tick), 0u);
                // The solution may change much faster now than the last steps knew.
                if (now < whole) { h = lesser(h, real(10.0) * first_step(now, true)); }
            } else {
$promoted
            }
