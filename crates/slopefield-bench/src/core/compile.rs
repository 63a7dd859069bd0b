//! From model text to something that can be called: check, lower, differentiate, generate code.

use super::{own, texts};
use crate::{BenchError, Case, Check, Reference, Subject, Target, Trial};
use slopefield_graph::{BuiltinNetworks, Interpreter};
use slopefield_kernel::Kernel;
use slopefield_study::CompiledModel;

pub(super) fn cases() -> Vec<Case> {
    let case = |name: &str, about: &str, text: String, most: f64| Case {
        name: name.into(),
        about: format!("{about}: text to callable right-hand side with derivatives"),
        target: Some(Target::Seconds(most)),
        saved: own(name, "time from text to callable"),
        prepare: Box::new(move |_| prepare(&text)),
    };
    vec![
        case("compile-lv", "Lotka-Volterra", texts::LOTKA_VOLTERRA.into(), 5e-3),
        case("compile-kinetics", "30 species", texts::KINETICS.into(), 50e-3),
        case(
            "compile-hundred",
            "100 states with a network of 2 x 64 hidden units",
            texts::hundred_states(),
            50e-3,
        ),
        case(
            "compile-brusselator",
            "2048 states of a two-dimensional Brusselator, written with arrays",
            texts::BRUSSELATOR.into(),
            1.0,
        ),
    ]
}

fn prepare(text: &str) -> Result<Trial, BenchError> {
    let model = CompiledModel::new(text, &BuiltinNetworks)?;
    let expected = slopes(&model, &Interpreter::new(model.lowered.rhs.clone()));
    let check = Check { agreement: 0.0, reference: Some(Reference::relative(0, &expected, 1e-12)) };
    let ours = Box::new(Compile { text: text.to_owned() });
    Ok(Trial { ours, comparator: None, check, work: 1, compile_s: None })
}

struct Compile {
    text: String,
}

impl Subject for Compile {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        for _ in 0..calls {
            CompiledModel::new(&self.text, &BuiltinNetworks)?;
        }
        Ok(())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        let model = CompiledModel::new(&self.text, &BuiltinNetworks)?;
        Ok(slopes(&model, &*model.rhs))
    }
}

/// The right-hand side at the start.
fn slopes(model: &CompiledModel, rhs: &dyn Kernel) -> Vec<f64> {
    let p = model.start_params(1);
    let u = model.initial_state(0.0, &p, &[]);
    let (mut slopes, mut scratch) = (vec![0.0; u.len()], vec![0.0; rhs.scratch_len()]);
    rhs.eval(0.0, &u, &p, &mut slopes, &mut scratch);
    slopes
}
