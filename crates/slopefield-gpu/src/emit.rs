//! Plans as text: each instruction has its rule here.

use slopefield_graph::plan::{
    BinaryOp, Body, BodyInstruction, Instruction, LaneInput, LaneOutput, Plan, Ref, UnaryOp, Value,
};

use crate::dialect::Dialect;
use crate::places::{At, Places};

/// The statements that do what `plan` does, four spaces deep.
pub(crate) fn statements(plan: &Plan, places: &mut Places, dialect: Dialect) -> String {
    written(plan, places, dialect, false)
}

/// The same for the elements `first .. last` of the results alone, variables of the text around. Every
/// instruction must be a loop over the elements of its result.
pub(crate) fn statements_of_part(plan: &Plan, places: &mut Places, dialect: Dialect) -> String {
    written(plan, places, dialect, true)
}

fn written(plan: &Plan, places: &mut Places, dialect: Dialect, part: bool) -> String {
    let mut emitter = Emitter { places, dialect, part, out: String::new(), depth: 1 };
    for (at, instruction) in plan.code.iter().enumerate() {
        emitter.instruction(plan, at, instruction);
    }
    emitter.out
}

/// `f(a)` as an expression.
pub(crate) fn unary(op: UnaryOp, a: &str) -> String {
    match op {
        UnaryOp::Neg => format!("(-{a})"),
        op => format!("sf_{}({a})", op.name()),
    }
}

/// `f(a, b)` as an expression.
fn binary(op: BinaryOp, a: &str, b: &str) -> String {
    let truth = |condition: String| format!("select(real(0.0), real(1.0), {condition})");
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div => {
            format!("({a} {} {b})", op.symbol())
        }
        BinaryOp::Pow => format!("sf_pow({a}, {b})"),
        BinaryOp::Atan2 | BinaryOp::Min | BinaryOp::Max => format!("sf_{}({a}, {b})", op.symbol()),
        BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual
        | BinaryOp::Equal => truth(format!("{a} {} {b}", op.symbol())),
        // `!=` of WGSL is false for NaN.
        BinaryOp::NotEqual => truth(format!("!({a} == {b})")),
        BinaryOp::And => truth(format!("!({a} == real(0.0) || {b} == real(0.0))")),
        BinaryOp::Or => truth(format!("!({a} == real(0.0) && {b} == real(0.0))")),
    }
}

/// `if c { a } else { b }` as an expression.
fn choice(c: &str, a: &str, b: &str) -> String {
    format!("select({a}, {b}, {c} == real(0.0))")
}

struct Emitter<'a> {
    places: &'a mut Places,
    dialect: Dialect,
    /// Only elements `first .. last` of results are computed.
    part: bool,
    out: String,
    depth: usize,
}

impl Emitter<'_> {
    fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.out += "    ";
        }
        self.out += text;
        self.out.push('\n');
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.line("}");
    }

    /// Opens a loop over `name` from 0; [`Emitter::close`] ends it.
    fn over(&mut self, name: &str, len: u32) {
        // `i` counts the elements of results.
        if self.part && name == "i" {
            self.line("for (var i: word = first; i < last; i++) {");
        } else {
            self.line(&format!("for (var {name}: word = 0u; {name} < {len}u; {name}++) {{"));
        }
        self.depth += 1;
    }

    fn value(&mut self, at: usize, expression: &str) {
        self.line(&format!("let v{at}: real = {expression};"));
    }

    /// `y[i] = expression` or `y[i] = y[i] + expression`.
    fn put(&mut self, place: &str, expression: &str, add: bool) {
        if add {
            self.line(&format!("{place} = {place} + {expression};"));
        } else {
            self.line(&format!("{place} = {expression};"));
        }
    }

    fn instruction(&mut self, plan: &Plan, at: usize, instruction: &Instruction) {
        let v = |value: Value| format!("v{value}");
        match *instruction {
            Instruction::Constant(x) => {
                let number = self.dialect.number(x);
                self.value(at, &number);
            }
            Instruction::Load(from) => {
                let place = self.places.element(from, At::First);
                self.value(at, &place);
            }
            Instruction::Unary(op, a) => self.value(at, &unary(op, &v(a))),
            Instruction::Binary(op, a, b) => self.value(at, &binary(op, &v(a), &v(b))),
            Instruction::Select(c, a, b) => self.value(at, &choice(&v(c), &v(a), &v(b))),
            Instruction::Store(to, a) | Instruction::AddTo(to, a) => {
                let place = self.places.element(to, At::First);
                self.put(&place, &v(a), matches!(instruction, Instruction::AddTo(..)));
            }
            Instruction::Each { body, count } => {
                self.each(&plan.bodies[body as usize], at, count);
            }
            _ => self.dense(at, instruction),
        }
    }

    /// A program for each lane. Sums over lanes are made first and then added.
    fn each(&mut self, body: &Body, at: usize, count: u32) {
        let sum = |k: usize| format!("s{at}_{k}");
        for (k, output) in body.outputs.iter().enumerate() {
            if matches!(output, LaneOutput::SumTo(..)) {
                self.line(&format!("var {}: real = real(0.0);", sum(k)));
            }
        }
        self.over("i", count);
        let w = |value: Value| format!("w{value}");
        for (k, instruction) in body.code.iter().enumerate() {
            let expression = match *instruction {
                BodyInstruction::Constant(x) => self.dialect.number(x),
                BodyInstruction::Input(input) => match body.inputs[input as usize] {
                    LaneInput::Uniform(from) => self.places.element(from, At::First),
                    LaneInput::Lanes(from) => self.places.element(from, At::Text("i", count)),
                    LaneInput::Gathered(from, table) => {
                        let entry = self.places.entry(table, "i");
                        self.places.element(from, At::Anywhere(&entry))
                    }
                },
                BodyInstruction::Unary(op, a) => unary(op, &w(a)),
                BodyInstruction::Binary(op, a, b) => binary(op, &w(a), &w(b)),
                BodyInstruction::Select(c, a, b) => choice(&w(c), &w(a), &w(b)),
            };
            self.line(&format!("let w{k}: real = {expression};"));
        }
        for (k, output) in body.outputs.iter().enumerate() {
            let value = w(output.value());
            match *output {
                LaneOutput::Store(to, _) | LaneOutput::AddTo(to, _) => {
                    let place = self.places.element(to, At::Text("i", count));
                    self.put(&place, &value, matches!(output, LaneOutput::AddTo(..)));
                }
                LaneOutput::ScatterAdd(to, table, _) => {
                    let entry = self.places.entry(table, "i");
                    let place = self.places.element(to, At::Anywhere(&entry));
                    self.put(&place, &value, true);
                }
                LaneOutput::SumTo(..) => self.put(&sum(k), &value, true),
            }
        }
        self.close();
        for (k, output) in body.outputs.iter().enumerate() {
            if let LaneOutput::SumTo(to, _) = *output {
                let place = self.places.element(to, At::First);
                self.put(&place, &sum(k), true);
            }
        }
    }

    fn dense(&mut self, at: usize, instruction: &Instruction) {
        match *instruction {
            Instruction::Fill { dst, len, value } => {
                let number = self.dialect.number(value);
                self.over("i", len);
                let to = self.places.element(dst, At::Text("i", len));
                self.put(&to, &number, false);
                self.close();
            }
            Instruction::Copy { dst, src, len } | Instruction::Add { dst, src, len } => {
                self.elementwise(dst, &[src], len, |x| x[0].clone(), instruction);
            }
            Instruction::Map { op, dst, src, len } => {
                self.elementwise(dst, &[src], len, |x| unary(op, &x[0]), instruction);
            }
            Instruction::Zip { op, dst, a, b, len } => {
                self.elementwise(dst, &[a, b], len, |x| binary(op, &x[0], &x[1]), instruction);
            }
            Instruction::MatVec { y, a, x, rows, cols, add } => {
                self.product((y, a, x), (rows, cols), |sum| sum.to_owned(), add);
            }
            Instruction::Layer { y, a, x, bias, activation, rows, cols } => {
                let bias = bias.map(|bias| self.places.element(bias, At::Text("i", rows)));
                let finish = |sum: &str| {
                    let sum = bias.map_or(sum.to_owned(), |bias| format!("({bias} + {sum})"));
                    activation.map_or(sum.clone(), |op| unary(op, &sum))
                };
                self.product((y, a, x), (rows, cols), finish, false);
            }
            Instruction::MatTVec { y, a, x, rows, cols, add } => {
                // Element i of the result is the product with column i.
                self.over("i", cols);
                self.line("var sum: real = real(0.0);");
                self.over("j", rows);
                let entry = format!("j * {cols}u + i");
                self.accumulate((a, x), &entry, rows * cols, rows);
                self.close();
                let to = self.places.element(y, At::Text("i", cols));
                self.put(&to, "sum", add);
                self.close();
            }
            Instruction::Outer { a, x, y, rows, cols } => {
                self.over("i", rows);
                self.over("j", cols);
                let entry = format!("i * {cols}u + j");
                let to = self.places.element(a, At::Text(&entry, rows * cols));
                let x = self.places.element(x, At::Text("i", rows));
                let y = self.places.element(y, At::Text("j", cols));
                self.put(&to, &format!("{x} * {y}"), true);
                self.close();
                self.close();
            }
            Instruction::Sum { dst, src, len } => self.sum(at, dst, &[src], len),
            Instruction::Dot { dst, a, b, len } => self.sum(at, dst, &[a, b], len),
            // There is no such function, and a text that calls one is refused. Models with such
            // operators are refused before, with better words.
            Instruction::Custom { .. } => self.line("sf_operator_of_a_plugin(real(0.0));"),
            Instruction::Constant(_)
            | Instruction::Load(_)
            | Instruction::Unary(..)
            | Instruction::Binary(..)
            | Instruction::Select(..)
            | Instruction::Store(..)
            | Instruction::AddTo(..)
            | Instruction::Each { .. } => unreachable!("`instruction` writes these"),
        }
    }

    fn elementwise(
        &mut self,
        dst: Ref,
        operands: &[Ref],
        len: u32,
        function: impl FnOnce(&[String]) -> String,
        instruction: &Instruction,
    ) {
        self.over("i", len);
        let element = |run: &Ref| self.places.element(*run, At::Text("i", len));
        let operands: Vec<String> = operands.iter().map(element).collect();
        let to = self.places.element(dst, At::Text("i", len));
        self.put(&to, &function(&operands), matches!(instruction, Instruction::Add { .. }));
        self.close();
    }

    /// `y[i] = finish(Σ_j A[i, j] x[j])`.
    fn product(
        &mut self,
        (y, a, x): (Ref, Ref, Ref),
        (rows, cols): (u32, u32),
        finish: impl FnOnce(&str) -> String,
        add: bool,
    ) {
        self.over("i", rows);
        self.line("var sum: real = real(0.0);");
        self.over("j", cols);
        let entry = format!("i * {cols}u + j");
        self.accumulate((a, x), &entry, rows * cols, cols);
        self.close();
        let to = self.places.element(y, At::Text("i", rows));
        self.put(&to, &finish("sum"), add);
        self.close();
    }

    /// `sum += A[entry] x[j]`.
    fn accumulate(&mut self, (a, x): (Ref, Ref), entry: &str, entries: u32, len: u32) {
        let a = self.places.element(a, At::Text(entry, entries));
        let x = self.places.element(x, At::Text("j", len));
        self.put("sum", &format!("{a} * {x}"), true);
    }

    /// `dst[0] = Σ_i of the products of the operands' elements`.
    fn sum(&mut self, at: usize, dst: Ref, operands: &[Ref], len: u32) {
        let name = format!("s{at}");
        self.line(&format!("var {name}: real = real(0.0);"));
        self.over("i", len);
        let element = |run: &Ref| self.places.element(*run, At::Text("i", len));
        let factors: Vec<String> = operands.iter().map(element).collect();
        self.put(&name, &factors.join(" * "), true);
        self.close();
        let to = self.places.element(dst, At::First);
        self.put(&to, &name, false);
    }
}
