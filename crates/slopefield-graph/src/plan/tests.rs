//! The verifier accepts what is right and names what is wrong.

use proptest::prelude::*;
use slopefield_kernel::Shape;

use super::*;

fn at(buffer: Buffer, offset: u32) -> Ref {
    Ref { buffer, offset }
}

/// `out[0] = p[0] u[0] + (A x)[1]`, `out[1] = 1`, with a bit of everything.
fn plan() -> Plan {
    use Buffer::{Constants, Out, Params, Scratch, States};
    Plan {
        entry: Entry::Eval,
        shape: Shape { states: 2, params: 5, outputs: 2 },
        scratch_len: 6,
        constants: vec![1.0, 2.0],
        code: vec![
            Instruction::Load(at(Params, 0)),
            Instruction::Load(at(States, 0)),
            Instruction::Binary(BinaryOp::Mul, 0, 1),
            Instruction::MatVec {
                y: at(Scratch, 0),
                a: at(Params, 1),
                x: at(States, 0),
                rows: 2,
                cols: 2,
                add: false,
            },
            Instruction::Map {
                op: UnaryOp::Tanh,
                dst: at(Scratch, 0),
                src: at(Scratch, 0),
                len: 2,
            },
            Instruction::Zip {
                op: BinaryOp::Mul,
                dst: at(Scratch, 2),
                a: at(Scratch, 0),
                b: at(Constants, 0),
                len: 2,
            },
            Instruction::Load(at(Scratch, 3)),
            Instruction::Binary(BinaryOp::Add, 2, 6),
            Instruction::Store(at(Out, 0), 7),
            Instruction::Fill { dst: at(Out, 1), len: 1, value: 1.0 },
        ],
    }
}

fn vjp() -> Plan {
    Plan {
        entry: Entry::Vjp,
        shape: Shape { states: 1, params: 1, outputs: 1 },
        scratch_len: 0,
        constants: vec![],
        code: vec![
            Instruction::Load(at(Buffer::Weights, 0)),
            Instruction::AddTo(at(Buffer::ParamsGrad, 0), 0),
        ],
    }
}

/// The plan with one instruction replaced, and the verdict.
#[track_caller]
fn broken(index: usize, by: Instruction) -> PlanError {
    let mut plan = plan();
    plan.code[index] = by;
    plan.verify().unwrap_err()
}

#[test]
fn right_plans_pass() {
    assert_eq!(plan().verify(), Ok(()));
    assert_eq!(vjp().verify(), Ok(()));
}

#[test]
fn each_rule_is_enforced() {
    use Buffer::{Constants, Out, OutTangent, Params, ParamsGrad, Scratch, States, Weights};
    let store = |to| Instruction::Store(to, 7);

    let e = broken(0, Instruction::Load(at(Weights, 0)));
    assert_eq!(e.to_string(), "instruction 0 (load) may not read Weights in a plan for Eval");
    assert!(matches!(broken(0, Instruction::Load(at(Out, 0))), PlanError::Buffer { .. }));
    for buffer in [Params, States, Constants, OutTangent, ParamsGrad] {
        assert!(matches!(broken(8, store(at(buffer, 0))), PlanError::Buffer { at: 8, .. }));
    }
    let e = broken(8, Instruction::AddTo(at(Out, 0), 7));
    assert!(matches!(e, PlanError::Buffer { access: "add to", .. }), "{e}");

    let e = broken(0, Instruction::Load(at(Params, 5)));
    assert_eq!(e.to_string(), "instruction 0 (load) reaches elements 5..6 of Params, which has 5");
    let matrix = |a, rows, cols| Instruction::MatVec {
        y: at(Scratch, 0),
        a,
        x: at(States, 0),
        rows,
        cols,
        add: false,
    };
    assert!(matches!(broken(3, matrix(at(Params, 2), 2, 2)), PlanError::Bounds { .. }));
    // Products of sizes that overflow 32 bits.
    let huge = matrix(at(Params, 1), 1 << 16, 1 << 16);
    assert!(matches!(broken(3, huge), PlanError::Bounds { at: 3, .. }));
    assert!(matches!(broken(3, matrix(at(Params, 1), 2, 0)), PlanError::EmptyMatrix { at: 3, .. }));
    let edge = Instruction::Fill { dst: at(Scratch, u32::MAX), len: u32::MAX, value: 0.0 };
    assert!(matches!(broken(9, edge), PlanError::Bounds { .. }));

    // Itself, a later one, one that defines no value, one beyond the end.
    for value in [2, 6, 3, 99] {
        let e = broken(2, Instruction::Binary(BinaryOp::Mul, 0, value));
        assert_eq!(e, PlanError::Undefined { at: 2, op: "binary", value });
    }
    assert!(matches!(broken(7, Instruction::Unary(UnaryOp::Neg, 4)), PlanError::Undefined { .. }));

    let shifted =
        Instruction::Map { op: UnaryOp::Tanh, dst: at(Scratch, 1), src: at(Scratch, 0), len: 2 };
    assert!(matches!(broken(4, shifted), PlanError::Overlap { at: 4, .. }));
    let in_place = Instruction::Copy { dst: at(Scratch, 0), src: at(Scratch, 0), len: 2 };
    assert!(matches!(broken(4, in_place), PlanError::Overlap { .. }));

    let e = broken(6, Instruction::Load(at(Scratch, 4)));
    assert_eq!(e, PlanError::Uninitialised { at: 6, op: "load", element: 4 });
    let add = Instruction::AddTo(at(Scratch, 5), 0);
    assert!(matches!(broken(9, add), PlanError::Uninitialised { element: 5, .. }));

    let twice = Instruction::Fill { dst: at(Out, 0), len: 2, value: 1.0 };
    assert!(matches!(broken(9, twice), PlanError::WrittenTwice { element: 0, .. }));
    let nothing = Instruction::Fill { dst: at(Out, 1), len: 0, value: 1.0 };
    assert_eq!(broken(9, nothing), PlanError::NeverWritten { buffer: Out, element: 1 });

    let mut large = plan();
    large.scratch_len = u32::MAX;
    assert!(matches!(large.verify(), Err(PlanError::TooLarge { what: "elements of scratch", .. })));
    let mut large = plan();
    large.shape.params = usize::MAX;
    assert!(matches!(large.verify(), Err(PlanError::TooLarge { what: "params", .. })));

    let mut gradient = vjp();
    gradient.code[1] = Instruction::Store(at(ParamsGrad, 0), 0);
    let e = gradient.verify().unwrap_err();
    assert_eq!(e.to_string(), "instruction 1 (store) may not write ParamsGrad in a plan for Vjp");
    gradient.code[1] = Instruction::Store(at(Out, 0), 0);
    assert!(matches!(gradient.verify(), Err(PlanError::Buffer { .. })));
}

#[test]
fn text_names_every_instruction() {
    assert_eq!(
        plan().to_string(),
        "plan Eval: 2 states, 5 params, 2 outputs, 6 scratch, 2 numbers\n  \
         v0 = load p[0]\n  \
         v1 = load u[0]\n  \
         v2 = mul v0 v1\n  \
         scratch[0] = matvec p[1] 2x2 u[0]\n  \
         scratch[0] x2 = map tanh scratch[0]\n  \
         scratch[2] x2 = zip mul scratch[0] numbers[0]\n  \
         v6 = load scratch[3]\n  \
         v7 = add v2 v6\n  \
         out[0] = v7\n  \
         out[1] x1 = 1.0\n"
    );
}

const BUFFERS: [Buffer; 14] = [
    Buffer::Time,
    Buffer::States,
    Buffer::Params,
    Buffer::TimeTangent,
    Buffer::StatesTangent,
    Buffer::ParamsTangent,
    Buffer::Weights,
    Buffer::Out,
    Buffer::OutTangent,
    Buffer::TimeGrad,
    Buffer::StatesGrad,
    Buffer::ParamsGrad,
    Buffer::Scratch,
    Buffer::Constants,
];

fn any_ref() -> impl Strategy<Value = Ref> {
    let offset = prop_oneof![8 => 0..7u32, 1 => Just(u32::MAX)];
    (prop::sample::select(BUFFERS.to_vec()), offset).prop_map(|(buffer, offset)| at(buffer, offset))
}

fn any_instruction() -> impl Strategy<Value = Instruction> {
    let len = || prop_oneof![8 => 0..4u32, 1 => Just(u32::MAX)];
    let v = || 0..12u32;
    prop_oneof![
        any_ref().prop_map(Instruction::Load),
        (v(), v()).prop_map(|(a, b)| Instruction::Binary(BinaryOp::Add, a, b)),
        (v(), v(), v()).prop_map(|(c, a, b)| Instruction::Select(c, a, b)),
        (any_ref(), v()).prop_map(|(r, v)| Instruction::Store(r, v)),
        (any_ref(), v()).prop_map(|(r, v)| Instruction::AddTo(r, v)),
        (any_ref(), len()).prop_map(|(dst, len)| Instruction::Fill { dst, len, value: 1.0 }),
        (any_ref(), any_ref(), len()).prop_map(|(dst, src, len)| Instruction::Copy {
            dst,
            src,
            len
        }),
        (any_ref(), any_ref(), len()).prop_map(|(dst, src, len)| Instruction::Add {
            dst,
            src,
            len
        }),
        (any_ref(), any_ref(), len()).prop_map(|(dst, src, len)| Instruction::Map {
            op: UnaryOp::Exp,
            dst,
            src,
            len
        }),
        (any_ref(), any_ref(), any_ref(), len()).prop_map(|(dst, a, b, len)| Instruction::Zip {
            op: BinaryOp::Mul,
            dst,
            a,
            b,
            len
        }),
        (any_ref(), any_ref(), any_ref(), len(), len(), any::<bool>()).prop_map(
            |(y, a, x, rows, cols, add)| Instruction::MatVec { y, a, x, rows, cols, add }
        ),
        (any_ref(), any_ref(), any_ref(), len(), len(), any::<bool>()).prop_map(
            |(y, a, x, rows, cols, add)| Instruction::MatTVec { y, a, x, rows, cols, add }
        ),
        (any_ref(), any_ref(), any_ref(), len(), len())
            .prop_map(|(a, x, y, rows, cols)| Instruction::Outer { a, x, y, rows, cols }),
        (any_ref(), any_ref(), len()).prop_map(|(dst, src, len)| Instruction::Sum {
            dst,
            src,
            len
        }),
        (any_ref(), any_ref(), any_ref(), len()).prop_map(|(dst, a, b, len)| Instruction::Dot {
            dst,
            a,
            b,
            len
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// Whatever passes the verifier runs in the interpreter, which checks every access, without a
    /// panic and without reading scratch that was not written.
    #[test]
    fn what_passes_can_be_run(
        changes in prop::collection::vec((0..11usize, any_instruction()), 1..4),
    ) {
        use slopefield_kernel::Kernel;
        let mut plan = plan();
        plan.code.push(Instruction::Constant(0.0));
        for (index, instruction) in changes {
            plan.code[index] = instruction;
        }
        if plan.verify().is_ok() {
            let run = |fill: f64| {
                let empty = |entry| Plan { entry, code: vec![], ..plan.clone() };
                let kernel = crate::Interpreter::new(Plans {
                    eval: plan.clone(),
                    jvp: empty(Entry::Jvp),
                    vjp: empty(Entry::Vjp),
                });
                let mut scratch = vec![fill; kernel.scratch_len()];
                let mut out = [0.0; 2];
                kernel.eval(0.0, &[0.3, 0.4], &[1.0, 2.0, 3.0, 4.0, 5.0], &mut out, &mut scratch);
                out.map(f64::to_bits)
            };
            prop_assert_eq!(run(f64::NAN), run(77.0));
        }
    }
}
