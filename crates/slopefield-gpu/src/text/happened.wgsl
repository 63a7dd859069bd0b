            let event: word = next_event;
            next_event = happen(now + taken, event);
            if (next_event > event) {
                for (var i: word = 0u; i < $n; i++) {
                    if (!sf_is_finite(stage[i]) && phase == 1u) {
                        phase = 8u;
                        bad = i;
                    }
                }
                // Save times at the instant have the state after it.
                var save: word = next_save;
                while (save > 0u && clock[lanes + save - 1u] == now + taken) {
                    save = save - 1u;
                    for (var i: word = 0u; i < $n; i++) {
                        results[(save * $n + i) * lanes + lane] = stage[i];
                    }
                }
            }
