//! The syntax tree: what the text says, before names mean anything.
//!
//! It covers the whole grammar, also the statements that this version cannot run yet. Equality of
//! trees ignores positions, so that `parse(print(tree)) == tree` can be stated.

use crate::{Binary, Span, Unary};

/// A model text as lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Document {
    /// Statements, comments and blank lines in order. A comment inside a statement of several
    /// lines stands before it here.
    pub lines: Vec<Line>,
}

impl Document {
    /// The statements in order of the text.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.lines.iter().filter_map(|line| match line {
            Line::Statement(statement) => Some(statement),
            _ => None,
        })
    }
}

/// One line of a [`Document`].
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most lines are statements")]
pub enum Line {
    /// An empty line; several in a row are one.
    Blank,
    /// A line that holds only a comment: its text after `#`, trimmed.
    Comment(String),
    /// A statement.
    Statement(Statement),
}

/// One statement.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// The comment at the end of its line, without `#`, trimmed.
    pub comment: Option<String>,
    /// Its place, without the comment.
    pub span: Span,
}

/// A name where it is written.
#[derive(Debug, Clone)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// A quoted text (without its quotes), or the text between the braces of a unit.
#[derive(Debug, Clone)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Its place, quotes or braces included.
    pub span: Span,
}

/// An expression.
#[derive(Debug, Clone)]
pub struct Expression {
    /// What it is.
    pub kind: ExpressionKind,
    /// Its place.
    pub span: Span,
    height: u32,
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.comment == other.comment
    }
}
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// Kinds of expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpressionKind {
    /// Nothing could be read here; a diagnostic says so.
    Missing,
    /// A number as written.
    Number(Number),
    /// A name.
    Name(String),
    /// `-a` or `not a`.
    Unary(Unary, Box<Expression>),
    /// `a + b`, `a - b`, `a*b`, `a/b`, `a^b`, `a and b`, `a or b`.
    Binary(Binary, Box<Expression>, Box<Expression>),
    /// `a < b`, or a chain `a < b <= c` (each neighbouring pair holds).
    Comparison(Box<Expression>, Vec<(Binary, Expression)>),
    /// `if condition then a else b`.
    If(Box<Expression>, Box<Expression>, Box<Expression>),
    /// `f(a, b)`: a function, a network or a form such as `delay(y, tau)`.
    Call(Name, Vec<Expression>),
    /// `z[1]`, `u[i, j]`.
    Index(Box<Expression>, Vec<Expression>),
    /// `x'`, `x''`: what is differentiated by time, and how often.
    Derivative(Box<Expression>, u32),
    /// `[a, b, c]`.
    List(Vec<Expression>),
    /// `u[i] for i in 1..N`, as the argument of a call.
    Comprehension(Box<Expression>, Vec<Loop>),
}

impl Expression {
    /// An expression at a place.
    #[must_use]
    pub fn new(kind: ExpressionKind, span: Span) -> Expression {
        let mut highest = 0;
        for_each_child(&kind, &mut |child| highest = highest.max(child.height));
        Expression { kind, span, height: highest + 1 }
    }

    /// Levels of the tree: 1 for a number or a name. The parser bounds it.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Calls `visit` with this expression and everything inside it, outer before inner.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Expression)) {
        visit(self);
        // The closure type would grow without bound if it were passed by value.
        fn inner<'a>(expression: &'a Expression, visit: &mut dyn FnMut(&'a Expression)) {
            for_each_child(&expression.kind, &mut |child| {
                visit(child);
                inner(child, visit);
            });
        }
        inner(self, visit);
    }
}

fn for_each_child<'a>(kind: &'a ExpressionKind, visit: &mut dyn FnMut(&'a Expression)) {
    use ExpressionKind as K;
    match kind {
        K::Missing | K::Number(_) | K::Name(_) => {}
        K::Unary(_, a) | K::Derivative(a, _) => visit(a),
        K::Binary(_, a, b) => {
            visit(a);
            visit(b);
        }
        K::Comparison(first, rest) => {
            visit(first);
            rest.iter().for_each(|(_, e)| visit(e));
        }
        K::If(a, b, c) => {
            visit(a);
            visit(b);
            visit(c);
        }
        K::Call(_, list) | K::List(list) => list.iter().for_each(visit),
        K::Index(a, list) => {
            visit(a);
            list.iter().for_each(visit);
        }
        K::Comprehension(a, loops) => {
            visit(a);
            for l in loops {
                visit(&l.range.start);
                visit(&l.range.end);
            }
        }
    }
}

/// A number with its spelling.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// Its value, finite and not negative.
    pub value: f64,
    /// As written, e.g. `1_000`, but always with digits on both sides of the point.
    pub text: String,
}

impl Number {
    /// A number from its spelling in a text and its value.
    #[must_use]
    pub fn new(value: f64, written: &str) -> Number {
        let mut text = written.replace('E', "e").replace(".e", "e");
        if text.starts_with('.') {
            text.insert(0, '0');
        }
        if text.ends_with('.') {
            text.pop();
        }
        Number { value, text }
    }
}

/// `start..end`, both included.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// First.
    pub start: Expression,
    /// Last.
    pub end: Expression,
}

/// `for i in 1..N`.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    /// Index name.
    pub index: Name,
    /// Its values.
    pub range: Range,
}

/// A declared name with its order of derivative and its array dimensions: `x`, `x'`, `u[i in 1..N]`,
/// `z[8]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Declarator {
    /// Name.
    pub name: Name,
    /// Number of primes.
    pub order: u32,
    /// Array dimensions; empty for a scalar.
    pub dimensions: Vec<Dimension>,
}

/// One dimension of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Dimension {
    /// `[8]`.
    Size(Expression),
    /// `[i in 1..N]`.
    Loop(Loop),
}

/// `x = expr {unit} in [lo, hi] positive fit` of a `state` statement.
#[derive(Debug, Clone, PartialEq)]
pub struct StateItem {
    /// What is declared.
    pub target: Declarator,
    /// Initial value.
    pub initial: Option<Expression>,
    /// Unit.
    pub unit: Option<Text>,
    /// Plausible range.
    pub bounds: Option<(Expression, Expression)>,
    /// `positive`.
    pub positive: bool,
    /// `fit`.
    pub fit: bool,
}

/// `k = value {unit} in [lo, hi] log ~ prior(...)` of a `param` statement.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamItem {
    /// What is declared.
    pub target: Declarator,
    /// Start value.
    pub value: Expression,
    /// Unit.
    pub unit: Option<Text>,
    /// Bounds.
    pub bounds: Option<(Expression, Expression)>,
    /// Scale of the optimiser.
    pub scale: crate::Scale,
    /// Prior.
    pub prior: Option<Applied>,
}

/// `c = expr {unit}` of a `const` statement.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstItem {
    /// What is declared.
    pub target: Declarator,
    /// Value.
    pub value: Expression,
    /// Unit.
    pub unit: Option<Text>,
}

/// `name(arguments)` where the name is one of a fixed set: a prior or a noise model.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// Name.
    pub name: Name,
    /// Arguments.
    pub arguments: Vec<Expression>,
}

/// Value of a network option.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionExpression {
    /// A number, a bare word, a list.
    Expression(Expression),
    /// A quoted text.
    Text(Text),
}

/// `2 A` on one side of a reaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Species {
    /// How many, when written.
    pub count: Option<Number>,
    /// Which.
    pub name: Name,
}

/// Direction in which an event expression passes its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Either.
    Both,
    /// From below.
    Rising,
    /// From above.
    Falling,
}

/// How an assignment of an event combines with the old value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssignOperator {
    /// `=`
    Set,
    /// `+=`
    Add,
    /// `-=`
    Subtract,
    /// `*=`
    Multiply,
    /// `/=`
    Divide,
}

/// `u += dose` of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// What changes.
    pub target: Expression,
    /// How.
    pub operator: AssignOperator,
    /// By or to what.
    pub value: Expression,
}

/// Kinds of statement.
#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    /// Nothing could be made of the line; a diagnostic says so.
    Invalid,
    /// `model "title"`.
    Model(Text),
    /// `time t {unit} from 0`.
    Time {
        /// Name.
        name: Name,
        /// Unit.
        unit: Option<Text>,
        /// Start.
        from: Option<Expression>,
    },
    /// `state x = 1, x' = 0`.
    State(Vec<StateItem>),
    /// `algebraic y = guess`.
    Algebraic {
        /// What is declared.
        target: Declarator,
        /// Guess for consistent initialisation.
        guess: Expression,
        /// Unit.
        unit: Option<Text>,
    },
    /// `param k = value`.
    Param(Vec<ParamItem>),
    /// `const A = 1, B = 3`.
    Const(Vec<ConstItem>),
    /// `let r = expr`.
    Let {
        /// What is declared.
        target: Declarator,
        /// Value.
        value: Expression,
        /// Unit it should have.
        unit: Option<Text>,
    },
    /// `function f(a, b) = expr`.
    Function {
        /// Name.
        name: Name,
        /// Arguments.
        arguments: Vec<Name>,
        /// Value.
        body: Expression,
    },
    /// `network n: kind(option: value, ...)`.
    Network {
        /// Name.
        name: Name,
        /// Kind, `mlp` or `org.example.kan/kan`.
        kind: Name,
        /// Options in order.
        options: Vec<(Name, OptionExpression)>,
    },
    /// `input u = column("name", linear)`.
    Input {
        /// Name.
        name: Name,
        /// Column of the data.
        column: Text,
        /// `linear`, `previous` or `cubic`.
        interpolation: Option<Name>,
        /// Unit.
        unit: Option<Text>,
    },
    /// `observe y = expr with noise(...)`.
    Observe {
        /// What is declared.
        target: Declarator,
        /// The measured quantity.
        value: Expression,
        /// Unit of the measurements.
        unit: Option<Text>,
        /// Noise model.
        noise: Option<Applied>,
    },
    /// `history x = expr`.
    History {
        /// State.
        target: Declarator,
        /// Its value before the start.
        value: Expression,
    },
    /// `noise W stratonovich correlated(V, rho)`.
    Noise {
        /// Name of the Wiener process, or of several.
        target: Declarator,
        /// `stratonovich`.
        stratonovich: bool,
        /// Another process and the correlation with it.
        correlated: Option<(Name, Expression)>,
    },
    /// `hamiltonian H(q, p) = expr`.
    Hamiltonian {
        /// Name.
        name: Name,
        /// Positions and momenta.
        arguments: Vec<Name>,
        /// Energy.
        body: Expression,
    },
    /// `reaction bind: A + B <-> AB rate kf*A*B, kr*AB`.
    Reaction {
        /// Name.
        name: Name,
        /// Consumed species.
        left: Vec<Species>,
        /// Produced species.
        right: Vec<Species>,
        /// `<->`.
        reversible: bool,
        /// One rate, or two of a reversible reaction.
        rates: Vec<Expression>,
    },
    /// `when h crosses 0 falling: v = -e*v`.
    When {
        /// Watched expression.
        expression: Expression,
        /// Level.
        level: Expression,
        /// Direction.
        direction: Direction,
        /// What happens.
        assignments: Vec<Assignment>,
    },
    /// `at [1, 2]: u += dose`.
    At {
        /// A time or a list of times.
        times: Expression,
        /// What happens.
        assignments: Vec<Assignment>,
    },
    /// `every 24 from 0 count 10: depot += 100`.
    Every {
        /// Period.
        period: Expression,
        /// First time.
        from: Option<Expression>,
        /// How often.
        count: Option<Expression>,
        /// What happens.
        assignments: Vec<Assignment>,
    },
    /// `jump rate k*(1 + sin(t)) bound 2*k for 10: S -= 1`.
    Jump {
        /// Intensity.
        rate: Expression,
        /// What the intensity does not exceed until the next jump.
        bound: Option<Expression>,
        /// For how long the bound holds.
        lasting: Option<Expression>,
        /// What happens.
        assignments: Vec<Assignment>,
    },
    /// `stop when x crosses 1`.
    Stop {
        /// Watched expression.
        expression: Expression,
        /// Level.
        level: Expression,
        /// Direction.
        direction: Direction,
    },
    /// `x' = expr`, `0 = expr`, `a' + b' = expr`, each perhaps `for i in 1..N`.
    Equation {
        /// Left-hand side.
        left: Expression,
        /// Right-hand side.
        right: Expression,
        /// Loops over array indices.
        loops: Vec<Loop>,
    },
}
