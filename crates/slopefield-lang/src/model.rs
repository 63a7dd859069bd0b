//! The checked model: what the rest of the program sees of a model text.
//!
//! Names are resolved to indices, functions are inlined, constants are folded to numbers, units
//! have been checked, and every state has exactly one equation. Spans stay, so that a failure at
//! run time can point at the text.

use crate::Span;
use crate::functions::PathMoment;
use crate::syntax::Direction;
use std::sync::Arc;

/// Index into [`Model::states`], from their number on into [`Model::inputs`], and behind those into
/// [`Model::delays`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(pub u32);
/// Index into [`Model::params`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParamId(pub u32);
/// Index into [`Model::lets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetId(pub u32);
/// Index into [`Model::networks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(pub u32);
/// Index into [`Model::calls`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u32);
/// Index into [`Model::vectors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VectorId(pub u32);

/// A checked model. When the diagnostics hold an error the model is incomplete and only good for
/// showing; `Model::is_complete` of such a model is false.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// `model "title"`.
    pub title: Option<String>,
    /// The independent variable.
    pub time: Time,
    /// States in order of declaration.
    pub states: Vec<State>,
    /// Free parameters in order of declaration; initial values declared `fit` come after them.
    pub params: Vec<Param>,
    /// Named constants with their folded values, kept for display.
    pub constants: Vec<Constant>,
    /// Named expressions, in an order in which each uses only earlier ones.
    pub lets: Vec<Let>,
    /// Declared networks.
    pub networks: Vec<Network>,
    /// Places where networks are applied, in an order in which each uses only earlier ones
    /// (through `Expr::Output`); equal calls (same network, same arguments) are one entry.
    pub calls: Vec<NetworkCall>,
    /// Families of expressions: what a loop computes stays one expression over many lanes. Each
    /// uses only earlier ones (also through named expressions and calls).
    pub vectors: Vec<Vector>,
    /// Declared arrays. Their elements are states, params, components of a named expression or
    /// observations like any others, with names such as `u[3]` and `w[2,5]`.
    pub arrays: Vec<Array>,
    /// Measured quantities.
    pub observations: Vec<Observation>,
    /// Equations that are not of the form `x' = …`, as a matrix on the left; the identity when
    /// none.
    pub mass: Option<Mass>,
    /// Forcing signals: numbers of time that data give, numbered behind the last state.
    pub inputs: Vec<Input>,
    /// Delayed values that expressions read, numbered behind the last state and the last input.
    pub delays: Vec<Delay>,
    /// Lags of the delays; equal ones are one entry.
    pub lags: Vec<Lag>,
    /// Wiener processes, independent of each other: correlations are in the coefficients.
    pub noises: Vec<Wiener>,
    /// Reactions; a reversible one is two.
    pub reactions: Vec<Reaction>,
    /// Jumps at random times.
    pub jumps: Vec<Jump>,
    /// Events at times that the solution or the model determines.
    pub events: Vec<Event>,
    /// Positions and velocities of second-order equations, `x` and `x'`.
    pub pairs: Vec<(StateId, StateId)>,
    /// `hamiltonian H(q, p) = …`; its equations are those of the states.
    pub hamiltonian: Option<Hamiltonian>,
    /// What is 0 along every solution of equations whose index was reduced.
    pub invariants: Vec<Invariant>,
    /// Algebraic states that the reduction of the index added behind those of the text.
    pub hidden: Vec<StateId>,
    /// What kind of system it is.
    pub class: Classification,
    /// No error was found.
    pub is_complete: bool,
}

impl Model {
    /// Length of what functions of the state take: states, then inputs, then delayed values.
    #[must_use]
    pub fn variables(&self) -> usize {
        self.states.len() + self.inputs.len() + self.delays.len()
    }

    /// The input that a state's number stands for, if it does.
    #[must_use]
    pub fn input(&self, id: StateId) -> Option<&Input> {
        self.inputs.get((id.0 as usize).checked_sub(self.states.len())?)
    }
}

/// `time t {unit} from 0`.
#[derive(Debug, Clone, PartialEq)]
pub struct Time {
    /// Name in the text; default `t`.
    pub name: String,
    /// Unit text, e.g. `year`.
    pub unit: Option<String>,
    /// Default start time.
    pub start: f64,
}

impl Default for Time {
    fn default() -> Self {
        Time { name: "t".into(), unit: None, start: 0.0 }
    }
}

/// A state with its initial value and its equation.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Name.
    pub name: String,
    /// Unit text.
    pub unit: Option<String>,
    /// Initial value: an expression of params and time only.
    pub initial: Expr,
    /// Plausible range, used for plots and for the bounds of a fitted initial value.
    pub bounds: Option<(f64, f64)>,
    /// Declared `positive`.
    pub positive: bool,
    /// Right-hand side of its equation, without noise and with all reactions; what an algebraic
    /// equation sets to 0.
    pub derivative: Expr,
    /// The part of the right-hand side that does not come from reactions; none where all of it
    /// does, or where there are no reactions.
    pub besides_reactions: Option<Expr>,
    /// Whether its equation is algebraic: then `initial` is a guess.
    pub algebraic: bool,
    /// Coefficients of the noises on its right-hand side, as (index into [`Model::noises`],
    /// coefficient).
    pub noise: Vec<(u32, Expr)>,
    /// Value before the start, of time and params; the initial value when none.
    pub history: Option<Expr>,
    /// Declaration.
    pub span: Span,
    /// Its equation.
    pub equation_span: Span,
}

/// The matrix `M` of `M u' = f`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mass {
    /// Entries as (row, column, value), by columns and rows; values depend on params only. Row i
    /// is the equation whose right-hand side [`Model::states`]`[i]` holds.
    pub entries: Vec<(u32, u32, Expr)>,
}

/// An equation of the text, or a derivative of one, that the equations of the states imply once it
/// holds at the start. Initial values must satisfy it, and methods may project onto it.
#[derive(Debug, Clone, PartialEq)]
pub struct Invariant {
    /// What is 0; of time, states and params.
    pub value: Expr,
    /// The equation it comes from.
    pub span: Span,
    /// How often that has been differentiated by time.
    pub order: u32,
}

/// `input u = column("rain", linear)`: a number of time that a table gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Name.
    pub name: String,
    /// Column of the data.
    pub column: String,
    /// What it is between the rows.
    pub interpolation: Interpolation,
    /// Unit text.
    pub unit: Option<String>,
    /// Declaration.
    pub span: Span,
}

/// What a signal is between the points that are known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interpolation {
    /// Straight lines.
    #[default]
    Linear,
    /// The value of the last point, from its time on.
    Previous,
    /// A cubic spline, twice continuously differentiable, with second derivative 0 at its ends.
    Cubic,
}

impl Interpolation {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Interpolation::Linear => "linear",
            Interpolation::Previous => "previous",
            Interpolation::Cubic => "cubic",
        }
    }
}

/// A delayed value.
#[derive(Debug, Clone, PartialEq)]
pub struct Delay {
    /// Of which state.
    pub state: StateId,
    /// Index into [`Model::lags`].
    pub lag: u32,
    /// Whether it is the slope of the state (a neutral equation).
    pub slope: bool,
    /// Where it is read first.
    pub span: Span,
}

/// How far a delay looks back.
#[derive(Debug, Clone, PartialEq)]
pub struct Lag {
    /// Of time, states and params.
    pub value: Expr,
    /// It depends on params only.
    pub constant: bool,
    /// Where it is written first.
    pub span: Span,
}

/// A Wiener process.
#[derive(Debug, Clone, PartialEq)]
pub struct Wiener {
    /// Name.
    pub name: String,
    /// Its integrals are Stratonovich's.
    pub stratonovich: bool,
    /// Declaration.
    pub span: Span,
}

/// A reaction in one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Reaction {
    /// Name; of the way back with `⁻¹`.
    pub name: String,
    /// Rate.
    pub rate: Expr,
    /// What it consumes, with counts.
    pub reactants: Vec<(StateId, f64)>,
    /// By how much it changes each state; no zeros.
    pub change: Vec<(StateId, f64)>,
    /// Declaration.
    pub span: Span,
}

/// A jump at random times.
#[derive(Debug, Clone, PartialEq)]
pub struct Jump {
    /// Rate, per unit of time.
    pub rate: Expr,
    /// What the text says that the rate does not exceed.
    pub bound: Option<RateBound>,
    /// New values of states, of the values before; all at once.
    pub assignments: Vec<(StateId, Expr)>,
    /// Declaration.
    pub span: Span,
}

/// `bound 2*k for 10`: what the rate of a jump does not exceed from a time on, as long as no jump
/// happens.
#[derive(Debug, Clone, PartialEq)]
pub struct RateBound {
    /// The bound, of time, states and params at the beginning.
    pub value: Expr,
    /// For how long it holds, likewise; for ever when none.
    pub lasting: Option<Expr>,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When.
    pub trigger: EventTrigger,
    /// New values of states, of the values before; all at once.
    pub assignments: Vec<(StateId, Expr)>,
    /// The solution ends there.
    pub stop: bool,
    /// Declaration.
    pub span: Span,
}

/// When an event happens.
#[derive(Debug, Clone, PartialEq)]
pub enum EventTrigger {
    /// When an expression passes 0.
    Crossing {
        /// The watched expression minus its level.
        value: Expr,
        /// Which way.
        direction: Direction,
    },
    /// At times, of params.
    At(Vec<Expr>),
    /// Again and again.
    Every {
        /// Period, of params.
        period: Expr,
        /// First time, of params.
        from: Expr,
        /// How often.
        count: Option<u64>,
    },
}

/// A declared energy.
#[derive(Debug, Clone, PartialEq)]
pub struct Hamiltonian {
    /// Name.
    pub name: String,
    /// Its value.
    pub energy: Expr,
    /// Positions and momenta.
    pub pairs: Vec<(StateId, StateId)>,
    /// Each term depends on positions or on momenta only.
    pub separable: bool,
    /// Declaration.
    pub span: Span,
}

/// A free scalar parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Name; for a fitted initial value `x(0)` with the state's name.
    pub name: String,
    /// Unit text.
    pub unit: Option<String>,
    /// Start value.
    pub value: f64,
    /// Bounds, possibly infinite.
    pub bounds: (f64, f64),
    /// Scale the optimiser works on.
    pub scale: Scale,
    /// Prior on the natural scale.
    pub prior: Option<Prior>,
    /// Set when this is the initial value of a state declared `fit`.
    pub initial_of: Option<StateId>,
    /// Declaration.
    pub span: Span,
}

/// Scale of a parameter for the optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// As it is.
    #[default]
    Linear,
    /// Its logarithm.
    Log,
    /// Its logit between the bounds.
    Logit,
}

/// A prior distribution `name(args)`, e.g. `lognormal(0, 1)`; names of section 2 of the language.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// Distribution.
    pub distribution: String,
    /// Its numbers.
    pub arguments: Vec<f64>,
}

/// `const c = expr`, folded.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// Name.
    pub name: String,
    /// Value.
    pub value: f64,
    /// Declaration.
    pub span: Span,
}

/// `let r = expr`. A network with several outputs gives a vector, and a name may be an array: then
/// `value` has one expression per component, and a vector is indexed from 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Let {
    /// Name.
    pub name: String,
    /// Components; one for a scalar.
    pub value: Vec<Expr>,
    /// Declaration.
    pub span: Span,
}

/// An array of the text: its elements are consecutive, the last index runs fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Name; of a derivative with its primes.
    pub name: String,
    /// First and last value of each index.
    pub dimensions: Vec<(i64, i64)>,
    /// What and where its elements are.
    pub elements: ArrayElements,
}

impl Array {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dimensions.iter().map(|(first, last)| (last - first + 1).max(0) as usize).product()
    }

    /// No elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What the elements of an [`Array`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrayElements {
    /// States from this one on.
    States(StateId),
    /// Params from this one on.
    Params(ParamId),
    /// Components of a named expression.
    Let(LetId),
    /// Observations from this index on.
    Observations(u32),
}

/// Name of an element of an array, counted from 0 in order: `u[3]`, `w[2,5]`, and `x[3]'` of the
/// array `x'`.
#[must_use]
pub fn element_name(array: &str, dimensions: &[(i64, i64)], element: usize) -> String {
    let stem = array.trim_end_matches('\'');
    let mut rest = element as i64;
    let mut indices = vec![0; dimensions.len()];
    for (index, (first, last)) in indices.iter_mut().zip(dimensions).rev() {
        let size = (last - first + 1).max(1);
        *index = first + rest % size;
        rest /= size;
    }
    let indices: Vec<String> = indices.iter().map(i64::to_string).collect();
    format!("{stem}[{}]{}", indices.join(","), &array[stem.len()..])
}

/// One expression for many lanes: what a loop of the text computes. [`ExprKind::Lanes`] says what
/// each lane reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    /// How it is computed.
    pub kind: VectorKind,
    /// Number of elements.
    pub len: u32,
    /// The expression in the text.
    pub span: Span,
}

/// How a [`Vector`] is computed.
#[derive(Debug, Clone, PartialEq)]
pub enum VectorKind {
    /// Element l is the expression in lane l.
    Each(Expr),
    /// Element k reduces the elements `ends[k - 1]..ends[k]` of an earlier vector, in order.
    Reduce {
        /// What is made of them.
        reduction: Reduction,
        /// What is reduced.
        of: VectorId,
        /// One past the last element of each run.
        ends: Arc<[u32]>,
    },
    /// A network applied in each lane; output k of lane l is element `l*outputs + k`.
    Network {
        /// Which network.
        network: NetworkId,
        /// Its arguments in a lane, as many as the network has inputs.
        arguments: Vec<Expr>,
    },
}

/// What is made of many numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their sum, from the first to the last; 0 of none.
    Sum,
    /// The least of them.
    Min,
    /// The greatest of them.
    Max,
}

/// What the lanes of a loop read, one entry for each lane.
#[derive(Debug, Clone, PartialEq)]
pub enum Lanes {
    /// Numbers, such as the values of an index.
    Numbers(Vec<f64>),
    /// Elements of something.
    Elements(Source, Vec<u32>),
}

/// What lanes read elements of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// [`Model::states`].
    States,
    /// [`Model::params`].
    Params,
    /// Components of a named expression.
    Let(LetId),
    /// Outputs of a network call.
    Call(CallId),
    /// An earlier vector.
    Vector(VectorId),
}

/// `network n: kind(option: value, ...)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Name.
    pub name: String,
    /// `mlp`, or a plugin's `org.example.kan/kan`.
    pub kind: String,
    /// Number of inputs.
    pub inputs: u32,
    /// Number of outputs.
    pub outputs: u32,
    /// All options as written, `inputs` and `outputs` included.
    pub options: Vec<(String, OptionValue)>,
    /// Declaration.
    pub span: Span,
}

/// Value of a network option.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    /// A number.
    Number(f64),
    /// A bare word, e.g. `tanh`.
    Word(String),
    /// A quoted text.
    Text(String),
    /// A list of numbers, e.g. `[16, 16]`.
    List(Vec<f64>),
    /// A list of bare words, e.g. `[tanh, relu]`.
    Words(Vec<String>),
    /// `true` or `false`.
    Flag(bool),
}

/// One application of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkCall {
    /// Which network.
    pub network: NetworkId,
    /// Its arguments, as many as the network has inputs.
    pub arguments: Vec<Expr>,
    /// The call in the text.
    pub span: Span,
}

/// `observe y = expr with noise(...)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Name.
    pub name: String,
    /// Unit text, when known.
    pub unit: Option<String>,
    /// The measured quantity, of time, states and params.
    pub value: Expr,
    /// Measured is this moment of the quantity over random paths, not its value on one.
    pub over_paths: Option<PathMoment>,
    /// How measurements scatter around it.
    pub noise: Noise,
    /// Declaration.
    pub span: Span,
}

/// Noise model of an observation; its arguments are expressions (constants, params, states).
#[derive(Debug, Clone, PartialEq)]
pub enum Noise {
    /// No noise model: sum of squared differences.
    LeastSquares,
    /// Normal with standard deviation.
    Normal(Expr),
    /// Log-normal: log of the measurement is normal around the log of the value; sd on log scale.
    LogNormal(Expr),
    /// Laplace with scale.
    Laplace(Expr),
    /// Student t with degrees of freedom and scale.
    StudentT(Expr, Expr),
    /// Poisson with the value as mean.
    Poisson,
    /// Negative binomial with mean and dispersion phi (variance `m + m²/phi`).
    NegativeBinomial(Expr),
    /// Binomial with count `n`; the value is the probability.
    Binomial(Expr),
    /// Bernoulli; the value is the probability.
    Bernoulli,
    /// Categorical; the value is the probability of category 1 (full form comes later).
    Categorical,
}

/// What kind of system the equations form, and one sentence that says so.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Classification {
    /// `ode`, `dae`, `dde`, `sde`, `jump`, or several joined by `+`, e.g. `dde+sde`.
    pub kind: String,
    /// Events change or stop the solution.
    pub hybrid: bool,
    /// The sentence that the app shows, e.g. "ordinary differential equation, 2 states, 354 free
    /// parameters, one network". The number of weights of networks is known to later stages only,
    /// so networks are counted, not their weights.
    pub sentence: String,
    /// What is known of the coefficients of white noise; none without noise.
    pub noise: Option<NoiseStructure>,
    /// What is known of the lags; none without delays.
    pub delays: Option<DelayStructure>,
}

/// What is known of the coefficients `g_ij` of white noise `j` in the equation of state `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseStructure {
    /// They do not depend on the states.
    Additive,
    /// Each source acts on one state and each state has one source, with a coefficient that depends
    /// on no other state.
    Diagonal,
    /// `Σ_k g_kj ∂g_im/∂u_k = Σ_k g_km ∂g_ij/∂u_k` for all i, j and m. Found by comparing both
    /// sides at some points.
    Commutative,
    /// Nothing.
    General,
}

/// What is known of the lags of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DelayStructure {
    /// Lags that depend on params only.
    pub constant: usize,
    /// Lags that depend on time, but on no state.
    pub varying: usize,
    /// Lags that depend on states.
    pub state_dependent: usize,
    /// Delayed slopes are read.
    pub neutral: bool,
    /// A lag that is not constant may reach 0, as far as its formula and the bounds of params say.
    pub vanishing: bool,
}

/// A resolved expression: of one number, or inside a [`Vector`] of one number for each lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands in the text (inside an inlined function: the place of the body).
    pub span: Span,
}

impl Expr {
    /// A function of one argument.
    pub(crate) fn unary(f: Unary, a: Expr, span: Span) -> Expr {
        Expr { kind: ExprKind::Unary(f, Box::new(a)), span }
    }

    /// A function of two arguments.
    pub(crate) fn binary(f: Binary, a: Expr, b: Expr, span: Span) -> Expr {
        Expr { kind: ExprKind::Binary(f, Box::new(a), Box::new(b)), span }
    }
}

/// Kinds of expression. Comparisons and logical operators give 1 or 0.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// A number, or a folded constant.
    Number(f64),
    /// The independent variable.
    Time,
    /// A state; or an input, which has the number of states plus its index in [`Model::inputs`]; or
    /// a delayed value, numbered behind the inputs. Functions of the state take all three, in this
    /// order.
    State(StateId),
    /// A parameter.
    Param(ParamId),
    /// Component of a named expression (0-based).
    Let(LetId, u32),
    /// Output of a network call (0-based).
    Output(CallId, u32),
    /// Element of a vector (0-based).
    Element(VectorId, u32),
    /// Only inside a [`Vector`]: what each lane reads.
    Lanes(Arc<Lanes>),
    /// One argument.
    Unary(Unary, Box<Expr>),
    /// Two arguments.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `if condition then a else b`: condition, a, b. Only the chosen branch counts.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
}

/// Functions of one argument, in section 7 of the language. `ramp` is `max(x, 0)`, written
/// with [`Binary::Max`]; `cbrt`, `log2`, `log10`, hyperbolic inverses etc. stay functions of their
/// own so that their accuracy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the mathematical function of its name")]
pub enum Unary {
    Neg,
    Not,
    Abs,
    Sign,
    Floor,
    Ceil,
    Round,
    Sqrt,
    Cbrt,
    Exp,
    Expm1,
    Ln,
    Log2,
    Log10,
    Log1p,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Asinh,
    Acosh,
    Atanh,
    Sigmoid,
    Softplus,
    Relu,
    Gelu,
    Erf,
    Erfc,
    Gamma,
    LnGamma,
    /// 0 below zero, 1 at and above it.
    Step,
}

/// Functions of two arguments. `clamp`, `pulse`, `hill`, `mm` are rewritten to these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the operator of its name")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Atan2,
    Min,
    Max,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
}
