//! Second derivatives in native code against the interpreter, and against a known Hessian.

use crate::common;

use common::*;
use slopefield_cpu::{CompileError, compile_hessian, compile_hessian_with};
use slopefield_graph::plan::Plan;
use slopefield_graph::{BuiltinNetworks, HessianInterpreter, ModelFunction, lower, lower_hessian};

fn plan(text: &str) -> Plan {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    match lower_hessian(&model, &BuiltinNetworks, ModelFunction::Rhs) {
        Ok(plan) => plan,
        Err(e) => panic!("{e}"),
    }
}

#[test]
fn every_instruction_set_agrees_with_the_interpreter() {
    for text in [
        "param a = 1\nparam b = 2\nstate x = 1\nstate y = 1\nx' = a*x - b*x*y\ny' = b*x*y*sin(t)\n",
        "network n: mlp(inputs: 2, outputs: 2, hidden: [33, 9], activation: tanh)\n\
         state x = 1\nstate y = 1\nlet z = n(x, y)\nx' = z[1]\ny' = z[2]*exp(-x*t)\n",
        "network n: mlp(inputs: 2, outputs: 1, hidden: [12], activation: gelu)\n\
         state x = 1\nparam k = 3\nx' = k*n(x, t) + x^1.5\n",
    ] {
        let plan = plan(text);
        let reference =
            HessianInterpreter::new(plan.clone()).expect("a plan of second derivatives");
        for seed in 0..3 {
            let mut i = Random(seed).inputs(plan.shape);
            i.u.iter_mut().for_each(|x| *x = x.abs() + 0.1);
            let want = hvp(&reference, &i);
            for options in all_options() {
                let kernel = match compile_hessian_with(&plan, options) {
                    Ok(kernel) => kernel,
                    Err(e) => panic!("{e}"),
                };
                assert_close(&hvp(&kernel, &i), &want, 1e-12, &format!("{options:?}\n{text}"));
            }
        }
    }
}

#[test]
fn a_known_hessian() {
    // f = a x² y: the Hessian of w f in (x, y, a).
    let plan = plan("param a = 1\nstate x = 1\nstate y = 1\nx' = a*x^2*y\ny' = 0\n");
    let kernel = compile_hessian(&plan).expect("the plan is sound");
    let (x, y, a, w) = (0.7, -1.2, 1.9, 0.6);
    let hessian = [
        [2.0 * a * y, 2.0 * a * x, 2.0 * x * y],
        [2.0 * a * x, 0.0, x * x],
        [2.0 * x * y, x * x, 0.0],
    ];
    for k in 0..3 {
        let mut v = [0.0; 3];
        v[k] = 1.0;
        let i = Inputs {
            t: 0.0,
            u: vec![x, y],
            p: vec![a],
            dt: 0.0,
            du: v[..2].to_vec(),
            dp: v[2..].to_vec(),
            w: vec![w, 0.0],
        };
        let found = hvp(&kernel, &i);
        let want: Vec<f64> = [0.5, 0.25, 0.25, -0.125]
            .iter()
            .zip([0.0].iter().chain(&hessian[k]))
            .map(|(start, h)| start + w * h)
            .collect();
        assert_close(&found, &want, 1e-15, &format!("direction {k}"));
    }
}

#[test]
fn other_plans_are_refused() {
    let (model, _) = slopefield_lang::check("state x = 1\nx' = -x\n");
    let plans = lower(&model, &BuiltinNetworks).expect("a correct model").rhs;
    let refused = compile_hessian(&plans.vjp).err().expect("not second derivatives");
    assert!(matches!(refused, CompileError::Mismatch { .. }), "{refused}");
}
