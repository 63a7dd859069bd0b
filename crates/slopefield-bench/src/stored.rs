//! Inputs and references kept as files, written by `benches/core/inputs.py`.

/// Named lists of numbers.
pub(crate) struct Stored(Vec<(&'static str, Vec<f64>)>);

impl Stored {
    /// Reads the form that `inputs.py` writes: `# name count`, then a number per line.
    ///
    /// # Panics
    /// When the text does not have this form. The texts are part of the program, and a test reads
    /// each of them.
    pub(crate) fn read(text: &'static str) -> Stored {
        let mut lists: Vec<(&str, Vec<f64>)> = Vec::new();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("# ") {
                let (name, _) = heading.split_once(' ').expect("a heading has a name and a count");
                lists.push((name, Vec::new()));
            } else {
                let (_, numbers) = lists.last_mut().expect("a heading comes first");
                numbers.push(line.parse().expect("one number per line"));
            }
        }
        Stored(lists)
    }

    /// The list of this name.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn get(&self, name: &str) -> &[f64] {
        let list = self.0.iter().find(|(n, _)| *n == name);
        &list.unwrap_or_else(|| panic!("no list `{name}` in this file")).1
    }
}

/// Initial states, data, reference states and gradient of Lotka–Volterra.
pub(crate) fn lotka_volterra() -> Stored {
    Stored::read(include_str!("../../../benches/core/inputs/lotka_volterra.txt"))
}

/// Trained weights, data and gradient of the spiral.
pub(crate) fn spiral() -> Stored {
    Stored::read(include_str!("../../../benches/core/inputs/spiral.txt"))
}

/// Reference states of the first trajectories of the ensemble, and parameters of first and last.
pub(crate) fn ensemble() -> Stored {
    Stored::read(include_str!("../../../benches/core/inputs/ensemble.txt"))
}

/// Data, scale of each species, loss and gradient by the rates of Robertson's kinetics.
pub(crate) fn robertson() -> Stored {
    Stored::read(include_str!("../../../benches/core/inputs/robertson.txt"))
}

/// Loss and gradient of the Brusselator on a torus of 10 × 10 points.
pub(crate) fn brusselator_torus() -> Stored {
    Stored::read(include_str!("../../../benches/core/inputs/brusselator_torus.txt"))
}

/// States and some components of the gradient of the network with this number of hidden units.
///
/// # Panics
/// For other numbers of hidden units than 3, 30, 303 and 3030.
pub(crate) fn scaling(hidden: usize) -> Stored {
    Stored::read(match hidden {
        3 => include_str!("../../../benches/core/inputs/scaling_100.txt"),
        30 => include_str!("../../../benches/core/inputs/scaling_1000.txt"),
        303 => include_str!("../../../benches/core/inputs/scaling_10000.txt"),
        3030 => include_str!("../../../benches/core/inputs/scaling_100000.txt"),
        _ => panic!("no reference is stored for {hidden} hidden units"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_what_the_cases_read() {
        let lv = lotka_volterra();
        let lengths = ["states", "data", "loss", "gradient"].map(|n| lv.get(n).len());
        assert_eq!(lengths, [202, 202, 1, 6]);
        let lengths = ["weights", "data", "loss", "gradient"].map(|n| spiral().get(n).len());
        assert_eq!(lengths, [252, 60, 1, 252]);
        assert_eq!(ensemble().get("states").len(), 8 * 202);
        let lengths = ["data", "scale", "loss", "gradient"].map(|n| robertson().get(n).len());
        assert_eq!(lengths, [150, 3, 1, 3]);
        let torus = brusselator_torus();
        assert_eq!((torus.get("loss").len(), torus.get("gradient").len()), (1, 400));
        for hidden in [3, 30, 303, 3030] {
            let s = scaling(hidden);
            let lengths = ["corners", "states", "loss", "largest", "gradient"];
            assert_eq!(lengths.map(|n| s.get(n).len()), [6, 160, 1, 1, 100]);
        }
    }
}
