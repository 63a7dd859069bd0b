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
        factors: 0,
        constants: vec![1.0, 2.0],
        tables: vec![],
        bodies: vec![],
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
        factors: 0,
        constants: vec![],
        tables: vec![],
        bodies: vec![],
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

/// `out[i] = u[i] p[table[i]]` and a sum to a gradient's place, with a layer.
fn with_loop() -> Plan {
    let mut plan = Plan::new(Entry::Eval, Shape { states: 2, params: 5, outputs: 2 });
    plan.scratch_len = 4;
    plan.tables = vec![vec![4, 0], vec![2, 2]];
    plan.bodies.push(Body {
        inputs: vec![
            LaneInput::Lanes(at(Buffer::States, 0)),
            LaneInput::Gathered(at(Buffer::Params, 0), 0),
            LaneInput::Uniform(at(Buffer::Time, 0)),
        ],
        code: vec![
            BodyInstruction::Input(0),
            BodyInstruction::Input(1),
            BodyInstruction::Binary(BinaryOp::Mul, 0, 1),
            BodyInstruction::Input(2),
            BodyInstruction::Unary(UnaryOp::Sin, 3),
            BodyInstruction::Constant(2.5),
            BodyInstruction::Select(3, 4, 5),
        ],
        outputs: vec![
            LaneOutput::Store(at(Buffer::Out, 0), 2),
            LaneOutput::ScatterAdd(at(Buffer::Scratch, 0), 1, 6),
            LaneOutput::SumTo(at(Buffer::Scratch, 3), 6),
        ],
    });
    plan.code = vec![
        Instruction::Fill { dst: at(Buffer::Scratch, 0), len: 4, value: 0.0 },
        Instruction::Each { body: 0, count: 2 },
        Instruction::Layer {
            y: at(Buffer::Scratch, 0),
            a: at(Buffer::Params, 1),
            x: at(Buffer::States, 0),
            bias: Some(at(Buffer::Params, 3)),
            activation: Some(UnaryOp::Tanh),
            rows: 1,
            cols: 2,
        },
    ];
    plan
}

#[test]
fn rules_of_loops_are_enforced() {
    use Buffer::{Out, Params, Scratch, States};
    assert_eq!(with_loop().verify(), Ok(()));
    let broken = |change: &dyn Fn(&mut Plan)| {
        let mut plan = with_loop();
        change(&mut plan);
        plan.verify().unwrap_err()
    };
    let e = broken(&|p| p.code[1] = Instruction::Each { body: 1, count: 2 });
    assert_eq!(e.to_string(), "instruction 1 (each) uses body 1; the plan has 1");
    let e = broken(&|p| p.code[1] = Instruction::Each { body: 0, count: 0 });
    assert_eq!(e, PlanError::NoLanes { at: 1, op: "each" });
    let e = broken(&|p| p.code[1] = Instruction::Each { body: 0, count: 1 });
    let text = "instruction 1 (each) runs over 1 lanes with table 0 of 2 entries";
    assert_eq!(e.to_string(), text);
    let e = broken(&|p| p.bodies[0].inputs[1] = LaneInput::Gathered(at(Params, 0), 2));
    assert!(matches!(e, PlanError::Missing { what: "table", index: 2, .. }), "{e}");
    // Table entries, bases and lanes beyond the buffer.
    let e = broken(&|p| p.tables[0][1] = 5);
    assert_eq!(e.to_string(), "instruction 1 (each) reaches elements 0..6 of Params, which has 5");
    let e = broken(&|p| p.bodies[0].inputs[1] = LaneInput::Gathered(at(Params, 1), 0));
    assert!(matches!(e, PlanError::Bounds { buffer: Params, end: 6, .. }), "{e}");
    assert!(matches!(broken(&|p| p.tables[1][0] = u32::MAX), PlanError::Bounds { .. }));
    let e = broken(&|p| p.bodies[0].inputs[0] = LaneInput::Lanes(at(States, 1)));
    assert!(matches!(e, PlanError::Bounds { buffer: States, .. }), "{e}");
    // Programs.
    let e = broken(&|p| p.bodies[0].code[2] = BodyInstruction::Binary(BinaryOp::Mul, 0, 2));
    assert_eq!(e, PlanError::BodyValue { body: 0, at: 2, value: 2 });
    let e = broken(&|p| p.bodies[0].outputs[0] = LaneOutput::Store(at(Out, 0), 7));
    assert_eq!(e, PlanError::BodyValue { body: 0, at: 7, value: 7 });
    let e = broken(&|p| p.bodies[0].code[0] = BodyInstruction::Input(3));
    assert_eq!(e, PlanError::BodyInput { body: 0, at: 0, input: 3, count: 3 });
    // Where results may go, and what they may meet.
    let e = broken(&|p| p.bodies[0].outputs[1] = LaneOutput::ScatterAdd(at(Out, 0), 1, 6));
    assert!(matches!(e, PlanError::Buffer { access: "add to", buffer: Out, .. }), "{e}");
    let e = broken(&|p| p.bodies[0].outputs[2] = LaneOutput::SumTo(at(Scratch, 2), 6));
    assert!(matches!(e, PlanError::Overlap { at: 1, .. }), "{e}");
    let e = broken(&|p| p.bodies[0].inputs[2] = LaneInput::Uniform(at(Scratch, 2)));
    assert!(matches!(e, PlanError::Overlap { at: 1, .. }), "{e}");
    let e = broken(&|p| p.bodies[0].inputs[0] = LaneInput::Lanes(at(Scratch, 1)));
    assert!(matches!(e, PlanError::Overlap { at: 1, .. }), "{e}");
    let e = broken(&|p| p.code[0] = Instruction::Fill { dst: at(Scratch, 3), len: 1, value: 0.0 });
    assert_eq!(e, PlanError::Uninitialised { at: 1, op: "each", element: 2 });
    // In place: the same run lane by lane, and no other way.
    let in_place = |input, output| {
        move |p: &mut Plan| {
            p.bodies[0].inputs[0] = input;
            p.bodies[0].outputs.push(output);
        }
    };
    let mut plan = with_loop();
    let lanes = LaneInput::Lanes(at(Scratch, 0));
    plan.bodies[0].outputs[1] = LaneOutput::Store(at(Scratch, 0), 2);
    plan.bodies[0].inputs[0] = lanes;
    assert_eq!(plan.verify(), Ok(()));
    let e = broken(&in_place(lanes, LaneOutput::AddTo(at(Scratch, 0), 2)));
    assert!(matches!(e, PlanError::Overlap { .. }), "{e}");
    assert!(matches!(
        broken(&|p| p.code[2] = Instruction::Layer {
            y: at(Scratch, 0),
            a: at(Params, 1),
            x: at(States, 0),
            bias: Some(at(Params, 4)),
            activation: None,
            rows: 2,
            cols: 2,
        }),
        PlanError::Bounds { at: 2, op: "layer", .. }
    ));
}

#[test]
fn loops_run_lane_by_lane() {
    use slopefield_kernel::Kernel;
    let mut plan = with_loop();
    // Results of the scatter, the sum and the layer, all in one number.
    plan.shape.outputs = 3;
    plan.code.push(Instruction::Load(at(Buffer::Scratch, 2)));
    plan.code.push(Instruction::Load(at(Buffer::Scratch, 3)));
    plan.code.push(Instruction::Load(at(Buffer::Scratch, 0)));
    plan.code.push(Instruction::Binary(BinaryOp::Mul, 4, 5));
    plan.code.push(Instruction::Binary(BinaryOp::Add, 3, 6));
    plan.code.push(Instruction::Store(at(Buffer::Out, 2), 7));
    assert_eq!(plan.verify(), Ok(()));
    let empty = |entry| Plan::new(entry, plan.shape);
    let kernel = crate::Interpreter::new(Plans {
        eval: plan.clone(),
        jvp: empty(Entry::Jvp),
        vjp: empty(Entry::Vjp),
    });
    let (t, u, p) = (0.5, [0.3, 0.4], [1.0, 2.0, 3.0, 4.0, 5.0]);
    let mut out = [0.0; 3];
    kernel.eval(t, &u, &p, &mut out, &mut vec![f64::NAN; kernel.scratch_len()]);
    assert_eq!(out[..2], [0.3 * 5.0, 0.4 * 1.0]);
    let twice = libm::sin(t) + libm::sin(t);
    let layer = libm::tanh((2.0 * 0.3 + 3.0 * 0.4) + 4.0);
    assert_eq!(out[2], twice + twice * layer);
}

#[test]
fn text_names_every_instruction() {
    assert_eq!(
        plan().to_string(),
        "plan Eval: 2 states, 5 params, 2 outputs, 6 scratch\n  \
         v0 = load p[0]\n  \
         v1 = load u[0]\n  \
         v2 = mul v0 v1\n  \
         scratch[0] = matvec p[1] 2x2 u[0]\n  \
         scratch[0] x2 = map tanh scratch[0]\n  \
         scratch[2] x2 = zip mul scratch[0] numbers[0]\n  \
         v6 = load scratch[3]\n  \
         v7 = add v2 v6\n  \
         out[0] = v7\n  \
         out[1] x1 = 1.0\n\
         numbers: 1.0 2.0\n"
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
        (any_ref(), any_ref(), any_ref(), prop::option::of(any_ref()), len(), len()).prop_map(
            |(y, a, x, bias, rows, cols)| Instruction::Layer {
                y,
                a,
                x,
                bias,
                activation: bias.map(|_| UnaryOp::Tanh),
                rows,
                cols
            }
        ),
        (0..2u32, len()).prop_map(|(body, count)| Instruction::Each { body, count }),
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

mod round_trip {
    use super::*;

    fn reread(plan: &Plan) {
        let text = plan.to_string();
        let again: Plan = text.parse().unwrap_or_else(|e| panic!("{e} in\n{text}"));
        // Numbers that are not a number are not equal to themselves.
        assert_eq!(again.to_string(), text);
        if !text.contains("nan") && !text.contains("NaN") {
            assert_eq!(&again, plan);
        }
    }

    #[test]
    fn plans_read_back_as_they_are() {
        reread(&plan());
        reread(&vjp());
        reread(&with_loop());
        let mut odd = plan();
        odd.constants = vec![-0.0, 0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324, 1e308];
        reread(&odd);
        odd.constants[2] = f64::NAN;
        odd.constants[3] = -f64::NAN;
        reread(&odd);
        let again: Plan = odd.to_string().parse().unwrap();
        let bits = |p: &Plan| p.constants.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&again), bits(&odd));
    }

    #[test]
    fn errors_name_the_line_and_the_word() {
        let line = |text: &str| {
            let whole = format!("plan Eval: 1 states, 1 params, 1 outputs, 2 scratch\n  {text}\n");
            whole.parse::<Plan>().unwrap_err().to_string()
        };
        for (text, says) in [
            ("v0 = frob v1", "line 2: there is no operation `frob`"),
            ("v1 = load u[0]", "line 2: `v1` is instruction 0, so its value is `v0`"),
            ("v0 = load q[0]", "line 2: there is no buffer `q`"),
            ("v0 = load u[99999999999]", "line 2: `99999999999` is not a whole number in range"),
            ("v0 = load u[3]", "instruction 0 (load) reaches elements 3..4 of States, which has 1"),
            ("out[0] = matvec p[0] 1x1", "line 2: a place is missing"),
            ("out[0] = matvec p[0] 1 u[0]", "line 2: `1` is not a size; one is written `4x3`"),
            ("out[0] x1 = 1.0 2.0", "line 2: `2.0` is more than belongs on this line"),
            ("each body 0 x1", "instruction 0 (each) uses body 0; the plan has 0"),
        ] {
            assert_eq!(line(text), says);
        }
        let huge = "plan Eval: 1 states, 1 params, 0 outputs, 4294967295 scratch";
        assert!(huge.parse::<Plan>().unwrap_err().to_string().contains("the limit is"));
        let list = "plan Eval: 0 states, 0 params, 0 outputs, 0 scratch\nnumbers: 0.0*99999999999";
        let e = list.parse::<Plan>().unwrap_err().to_string();
        assert_eq!(e, "line 2: 99999999999 numbers; the limit is 16777216");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn any_instruction_reads_back(instructions in prop::collection::vec(any_instruction(), 0..8)) {
            let mut plan = plan();
            plan.code.push(Instruction::Constant(0.0));
            plan.code.extend(instructions);
            // Whether it is a valid plan or not: the lines say the same.
            let text = plan.to_string();
            match text.parse::<Plan>() {
                Ok(again) => prop_assert_eq!(again, plan),
                Err(PlanTextError::Rule(rule)) => prop_assert_eq!(Err(rule), plan.verify()),
                Err(other) => prop_assert!(false, "{} in\n{}", other, text),
            }
        }

        /// Texts with changed, dropped, doubled and foreign pieces never panic, and what is
        /// accepted keeps all rules.
        #[test]
        fn broken_texts_are_refused_or_sound(
            which in 0..3usize,
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0..6u8, "[ -~]{0,6}"), 1..6),
        ) {
            let mut text = [plan(), vjp(), with_loop()][which].to_string();
            for (place, kind, piece) in edits {
                let starts: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
                if starts.is_empty() {
                    break;
                }
                let at = starts[place.index(starts.len())];
                match kind {
                    0 => text.insert_str(at, &piece),
                    1 => drop(text.remove(at)),
                    2 => text.truncate(at),
                    3 => text.insert_str(at, "99"),
                    4 => text.insert(at, '\n'),
                    _ => {
                        let line = text[at..].lines().next().unwrap_or_default().to_owned();
                        text.insert_str(at, &format!("{line}\n"));
                    }
                }
            }
            if let Ok(plan) = text.parse::<Plan>() {
                prop_assert_eq!(plan.verify(), Ok(()));
                prop_assert_eq!(plan.to_string().parse::<Plan>().map(|p| p.to_string()), Ok(plan.to_string()));
            }
        }

        #[test]
        fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&bytes);
            prop_assert!(text.parse::<Plan>().is_err());
        }
    }
}
