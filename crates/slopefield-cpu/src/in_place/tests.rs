//! Which copies go, and that what stays computes the same.

use slopefield_kernel::Kernel;

use super::*;
use crate::{Isa, Options, compile_with};
use slopefield_graph::Interpreter;
use slopefield_graph::plan::{Entry, Plans};

fn plan(text: &str) -> Plan {
    let plan: Plan = text.parse().unwrap_or_else(|e| panic!("{e}\n{text}"));
    plan.verify().unwrap_or_else(|e| panic!("{e}\n{text}"));
    plan
}

fn copies(plan: &Plan) -> usize {
    plan.code.iter().filter(|i| matches!(i, Instruction::Copy { .. })).count()
}

/// Compiles a plan of 3 states, 100 params and 30 outputs that keeps `left` copies, and compares
/// it with the interpreter.
fn check(code: &str, left: usize) {
    let text = format!("plan Eval: 3 states, 100 params, 30 outputs, 64 scratch\n{code}");
    let eval = plan(&text);
    let moved = in_place(Cow::Borrowed(&eval));
    assert_eq!(copies(&moved), left, "{text}\n{}", *moved);
    let jvp = "plan Jvp: 3 states, 100 params, 30 outputs, 0 scratch\n  \
               out[0] x30 = 0.0\n  dout[0] x30 = 0.0\n";
    let vjp = Plan::new(Entry::Vjp, eval.shape);
    let plans = Plans { eval, jvp: plan(jvp), vjp };
    let interpreter = Interpreter::new(plans.clone());
    let u = [0.3, -0.7, 1.1];
    let p: Vec<f64> = (0..100).map(|i| (f64::from(i) * 0.37).sin()).collect();
    let run = |kernel: &dyn Kernel| {
        let (mut out, mut scratch) = (vec![f64::NAN; 30], vec![f64::NAN; kernel.scratch_len()]);
        kernel.eval(0.0, &u, &p, &mut out, &mut scratch);
        out
    };
    let expected = run(&interpreter);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let kernel = compile_with(&plans, Options { isa, ..Options::default() });
        let found = run(&kernel.expect("the plans are sound"));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= 1e-14, "{isa:?}\n{text}\n{found} {expected}");
        }
    }
}

#[test]
fn a_vector_that_is_used_again_is_computed_where_it_goes() {
    // By a layer and a loop, one of them on a part of it; the first is wanted twice.
    check(
        "  scratch[0] = layer p[0] 12x3 u[0] bias p[36] tanh
  scratch[16] = matvec p[48] 4x10 scratch[2]
  out[0] x12 = scratch[0]
  out[12] x12 = scratch[0]
  each body 0 x4
  out[24] x4 = scratch[16]
  out[28] = sum scratch[24] x4
  out[29] = dot scratch[0] scratch[16] x4
body 0:
  input 0 = lanes scratch[16]
  input 1 = uniform scratch[0]
  v0 = input 0
  v1 = input 1
  v2 = mul v0 v1
  scratch[24] = v2
",
        1,
    );
}

#[test]
fn memory_that_serves_something_else_afterwards_is_left_to_it() {
    check(
        "  scratch[0] = layer p[0] 10x3 u[0] bias p[36] tanh
  out[0] x10 = scratch[0]
  scratch[16] x10 = map exp scratch[0]
  scratch[0] x10 = map sin scratch[16]
  out[10] x10 = scratch[0]
  out[20] x10 = map neg scratch[0]
",
        0,
    );
}

#[test]
fn what_is_not_one_vector_is_copied() {
    // Read number by number; made by two instructions; changed after the copy; added to.
    let rest = "  out[10] x20 = 0.5\n";
    let layer = "  scratch[0] = layer p[0] 10x3 u[0] bias p[36] tanh\n";
    check(
        &format!(
            "{layer}  out[0] x10 = scratch[0]\n  v2 = load scratch[3]\n  out[10] = v2\n  \
             out[11] x19 = 0.5\n"
        ),
        1,
    );
    check(
        &format!(
            "  scratch[0] = layer p[0] 5x3 u[0] bias p[36] tanh\n  \
             scratch[5] = layer p[0] 5x3 u[0]\n  out[0] x10 = scratch[0]\n{rest}"
        ),
        1,
    );
    check(
        &format!(
            "{layer}  out[0] x10 = scratch[0]\n  scratch[2] = layer p[0] 4x3 u[0]\n  \
             out[10] x10 = map exp scratch[0]\n  out[20] x10 = 0.5\n"
        ),
        1,
    );
    check(
        &format!("{layer}  scratch[0] += matvec p[0] 10x3 u[0]\n  out[0] x10 = scratch[0]\n{rest}"),
        1,
    );
}
