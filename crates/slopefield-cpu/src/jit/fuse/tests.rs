//! What becomes one backward pass and what must not.

use slopefield_kernel::{Cotangent, Kernel, Point};

use super::*;
use crate::{Isa, Options, compile_with};
use slopefield_graph::Interpreter;
use slopefield_graph::plan::{Entry, Plans};

/// The reverse product of `W2 tanh(W1 u + b)` with 3 inputs, 11 hidden units and 2 outputs.
const PLAN: &str = "\
plan Vjp: 3 states, 66 params, 2 outputs, 64 scratch
  scratch[0] = layer p[0] 11x3 u[0] bias p[33] tanh
  scratch[16] = mattvec p[44] 2x11 w[0]
  p_grad[44] += outer 2x11 w[0] scratch[0]
  each body 0 x11
  p_grad[33] x11 += scratch[32]
  p_grad[0] += outer 11x3 scratch[32] u[0]
  u_grad[0] += mattvec p[0] 11x3 scratch[32]
body 0:
  input 0 = lanes scratch[16]
  input 1 = lanes scratch[0]
  v0 = input 0
  v1 = input 1
  v2 = mul v1 v1
  v3 = 1.0
  v4 = sub v3 v2
  v5 = mul v0 v4
  scratch[32] = v5
";

fn plan(change: &[(&str, &str)]) -> Plan {
    let mut text = PLAN.to_owned();
    for (from, to) in change {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let plan: Plan = text.parse().unwrap_or_else(|e| panic!("{e}"));
    plan.verify().unwrap_or_else(|e| panic!("{e}"));
    plan
}

/// The gradients of the compiled plan and of the interpreted one.
fn both(plan: &Plan, isa: Isa) -> [Vec<f64>; 2] {
    let shape = plan.shape;
    let mut jvp = Plan::new(Entry::Jvp, shape);
    let mut eval = Plan::new(Entry::Eval, shape);
    let fill = |buffer| {
        let len = shape.outputs as u32;
        Instruction::Fill { dst: Ref { buffer, offset: 0 }, len, value: 0.0 }
    };
    eval.code.push(fill(Buffer::Out));
    jvp.code.extend([fill(Buffer::Out), fill(Buffer::OutTangent)]);
    let plans = Plans { eval, jvp, vjp: plan.clone() };
    let compiled = compile_with(&plans, Options { isa, ..Options::default() })
        .unwrap_or_else(|e| panic!("{e}"));
    let interpreted = Interpreter::new(plans);
    let kernels: [&dyn Kernel; 2] = [&compiled, &interpreted];
    kernels.map(|kernel| {
        let number = |i: usize| ((i * 37 + 11) % 101) as f64 / 101.0 - 0.5;
        let u: Vec<f64> = (0..shape.states).map(number).collect();
        let p: Vec<f64> = (0..shape.params).map(|i| number(i + 50)).collect();
        let w: Vec<f64> = (0..shape.outputs).map(|i| number(i + 7)).collect();
        let (mut gt, mut gu, mut gp) = (0.0, vec![0.25; u.len()], vec![0.5; p.len()]);
        let mut scratch = vec![f64::NAN; kernel.scratch_len()];
        let grad = Cotangent { t: &mut gt, u: &mut gu, p: &mut gp };
        kernel.vjp(Point { t: 0.0, u: &u, p: &p }, &w, grad, &mut scratch);
        [gu, gp].concat()
    })
}

#[track_caller]
fn agrees(plan: &Plan) {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let [got, want] = both(plan, isa);
        for (i, (g, w)) in got.iter().zip(&want).enumerate() {
            assert!((g - w).abs() <= 1e-15, "{isa:?}: element {i} is {g} instead of {w}");
        }
    }
}

#[test]
fn a_backward_pass_becomes_one_call() {
    let whole = plan(&[]);
    let fused = fuse(&whole);
    assert_eq!(fused.parts, [1, 2, 4]);
    let backward = fused.backward(3).expect("the loop is the place of the backward pass");
    assert_eq!((backward.slope, backward.rows, backward.cols), (Slope::Tanh, 2, 11));
    assert_eq!(backward.bias_grad, Some(Ref { buffer: Buffer::ParamsGrad, offset: 33 }));
    agrees(&whole);

    let sigmoid = plan(&[
        ("tanh", "sigmoid"),
        (
            "v2 = mul v1 v1\n  v3 = 1.0\n  v4 = sub v3 v2",
            "v2 = 1.0\n  v3 = sub v2 v1\n  v4 = mul v1 v3",
        ),
        ("v5 = mul v0 v4", "v5 = mul v4 v0"),
    ]);
    let fused = fuse(&sigmoid);
    assert_eq!(fused.backward(3).map(|b| b.slope), Some(Slope::Sigmoid));
    agrees(&sigmoid);

    let no_bias = plan(&[("  p_grad[33] x11 += scratch[32]\n", "")]);
    assert_eq!(fuse(&no_bias).parts, [1, 2]);
    agrees(&no_bias);
}

#[test]
fn the_order_of_its_instructions_does_not_matter() {
    let outer = "  p_grad[44] += outer 2x11 w[0] scratch[0]\n";
    let end = "  u_grad[0] += mattvec p[0] 11x3 scratch[32]\n";
    let later = plan(&[(outer, ""), (end, &format!("{end}{outer}"))]);
    assert_eq!(fuse(&later).parts, [1, 3, 6]);
    agrees(&later);
    let product = "  scratch[16] = mattvec p[44] 2x11 w[0]\n";
    let earlier = plan(&[(product, ""), (outer, &format!("{outer}{product}"))]);
    assert_eq!(fuse(&earlier).parts, [1, 2, 4]);
    agrees(&earlier);
}

#[test]
fn what_others_use_or_change_stays_apart() {
    let end = "  u_grad[0] += mattvec p[0] 11x3 scratch[32]\n";
    let outer = "  p_grad[44] += outer 2x11 w[0] scratch[0]\n";
    for (why, change) in [
        (
            "the product is used again",
            vec![(end, format!("{end}  p_grad[1] x11 += scratch[16]\n"))],
        ),
        (
            "the value of the layer changes before the outer product",
            vec![(outer, String::new()), (end, format!("{end}  scratch[0] x11 = 0.5\n{outer}"))],
        ),
        ("the loop writes over the value", vec![("scratch[32]", "scratch[0]".to_owned())]),
        ("it is another function", vec![("v3 = 1.0", "v3 = 2.0".to_owned())]),
        ("the weights have no gradient", vec![(outer, String::new())]),
    ] {
        let change: Vec<_> = change.iter().map(|(a, b)| (*a, b.as_str())).collect();
        let plan = plan(&change);
        let fused = fuse(&plan);
        assert!(fused.parts.is_empty() && fused.backward.is_empty(), "{why}");
        agrees(&plan);
    }
    // The run of the product may serve something else once it has been read.
    let reused =
        plan(&[(end, &format!("{end}  scratch[16] x11 = 0.5\n  p_grad[1] x11 += scratch[16]\n"))]);
    assert_eq!(fuse(&reused).parts, [1, 2, 4]);
    agrees(&reused);
}
