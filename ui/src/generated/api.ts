// Generated from the Rust types by `UPDATE_TYPESCRIPT=1 cargo test -p slopefield-api`.
// Not edited by hand.

/**
 * A failure: one sentence with the place, one with what to try.
 */
export type ApiError = { 
/**
 * Code.
 */
code: Code, 
/**
 * What happened and where.
 */
message: string, 
/**
 * What the user could do.
 */
advice: string | null, 
/**
 * More lines for those who want them: rendered diagnostics, log lines, numbers.
 */
details: Array<string>, };

/**
 * What is running.
 */
export type AppInfo = { 
/**
 * Version of the program.
 */
version: string, 
/**
 * Processor features in use, e.g. `x86-64, AVX2, FMA`.
 */
processor: string, 
/**
 * Process id of the worker.
 */
worker_pid: number, 
/**
 * Examples that can be opened.
 */
examples: Array<ExampleInfo>, 
/**
 * Project files opened lately, newest first.
 */
recent: Array<RecentProject>, 
/**
 * Built-in solvers, in groups and the recommended first.
 */
solvers: Array<SolverSummary>, 
/**
 * Gradient methods, the recommended first.
 */
gradients: Array<GradientSummary>, };

/**
 * How to find out how sure a fit is.
 */
export type AssessMethod = "laplace" | "profile" | "bootstrap" | "ensemble" | "nuts";

/**
 * How sure a fit is.
 */
export type AssessReply = { 
/**
 * One entry per parameter that is no network weight.
 */
parameters: Array<AssessedParameter>, 
/**
 * Correlations of these parameters, row by row; NaN where there is none.
 */
correlation: Slice, 
/**
 * Profiles, of that method.
 */
profiles: Array<ProfileView>, 
/**
 * Bands, from all methods.
 */
bands: Array<AssessedBand>, 
/**
 * Held-out points within the bands of measurements.
 */
coverage: Array<AssessedCoverage>, 
/**
 * Names of everything in the samples, weights too.
 */
names: Array<string>, 
/**
 * The samples of the parameters that the bands are made of, one after the other.
 */
samples: Slice, 
/**
 * Name of the time.
 */
time: string, 
/**
 * Refits that failed.
 */
failed: number, 
/**
 * Trainings of an ensemble that fit worse than chance allows.
 */
rejected: number, 
/**
 * Seconds, training excluded.
 */
seconds: number, 
/**
 * Stopped before its end.
 */
cancelled: boolean, 
/**
 * What speaks against trusting it.
 */
warnings: Array<string>, 
/**
 * What computed gradients, and why, in sentences without a full stop; empty where there was no choice.
 */
notes: Array<string>, };

/**
 * Trains a study and finds out how sure the fit is.
 */
export type AssessRequest = { 
/**
 * Path of `study.toml`.
 */
study: string, 
/**
 * How.
 */
method: AssessMethod, 
/**
 * Draws of the normal distribution (default 1000), refits of the bootstrap (200), trainings of
 * the ensemble (20), draws of each chain (1000).
 */
draws: number | null, 
/**
 * Seed; default the study's.
 */
seed: number | null, 
/**
 * Where the data of the bootstrap come from.
 */
resampling: ResamplingChoice, 
/**
 * Number of times of the bands; default 201.
 */
points: number | null, 
/**
 * What computes gradients of refits and trainings of the ensemble before their last stage: `auto`, `cpu`,
 * `gpu`, or a part of the name of a card; default what the study says.
 */
device: string | null, };

/**
 * Quantiles of an observation over time.
 */
export type AssessedBand = { 
/**
 * Experiment.
 */
experiment: string, 
/**
 * Observation.
 */
observation: string, 
/**
 * Times.
 */
times: Slice, 
/**
 * 2.5 %, 5 %, 25 %, 50 %, 75 %, 95 % and 97.5 % quantiles of the model's value.
 */
value: [Slice, Slice, Slice, Slice, Slice, Slice, Slice], 
/**
 * The same of measurements.
 */
measured: [Slice, Slice, Slice, Slice, Slice, Slice, Slice], };

/**
 * Held-out points of an observation within the bands of measurements.
 */
export type AssessedCoverage = { 
/**
 * Experiment.
 */
experiment: string, 
/**
 * Observation.
 */
observation: string, 
/**
 * Held-out points.
 */
points: number, 
/**
 * Points within the 50 %, 90 % and 95 % bands.
 */
inside: [number, number, number], };

/**
 * What is known of a parameter.
 */
export type AssessedParameter = { 
/**
 * Name.
 */
name: string, 
/**
 * Fitted value.
 */
value: number, 
/**
 * Standard error or standard deviation of the samples.
 */
standard_error: number | null, 
/**
 * Lower end of the 95 % interval.
 */
low: number | null, 
/**
 * Upper end of the 95 % interval.
 */
high: number | null, 
/**
 * Whether the data fix it, in words.
 */
verdict: string, 
/**
 * Names of the parameters with which it forms what alone is fixed.
 */
partners: Array<string>, };

/**
 * Quantiles of an observation over time: of the model's value, without the scatter of measurements.
 */
export type BandView = { 
/**
 * Experiment.
 */
experiment: string, 
/**
 * Observation.
 */
observation: string, 
/**
 * Times.
 */
times: Slice, 
/**
 * 5 %, 50 % and 95 % quantiles at these.
 */
quantiles: [Slice, Slice, Slice], };

/**
 * A graphics card, or software that stands in for one.
 */
export type CardView = { 
/**
 * Name, from its driver; a part of it is what `--device` takes.
 */
name: string, 
/**
 * Who made it; may be empty.
 */
maker: string, 
/**
 * What it is, in words.
 */
kind: string, 
/**
 * It runs on the processor; never chosen unless named.
 */
software: boolean, 
/**
 * Vulkan, Metal or Direct3D 12.
 */
interface: string, 
/**
 * The driver and its version; may be empty.
 */
driver: string, 
/**
 * The largest array in bytes.
 */
largest_array: number, 
/**
 * Memory in bytes that threads of a workgroup share.
 */
shared_memory: number, 
/**
 * It can compute in double precision. Trajectories are solved in single precision on cards.
 */
double: boolean, 
/**
 * The finest relative tolerance that trajectories can hold there.
 */
finest: number, };

/**
 * How much draws are worth (Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021).
 */
export type ChainDiagnostics = { 
/**
 * Monte-Carlo standard error of the mean.
 */
standard_error: number | null, 
/**
 * Effective number of draws in the bulk of the distribution.
 */
bulk: number | null, 
/**
 * Effective number of draws in its tails.
 */
tail: number | null, 
/**
 * R̂; near 1 when the chains agree.
 */
scale_reduction: number | null, };

/**
 * Stable codes; a screen may choose on them. Add one only when somebody needs to tell it apart.
 */
export type Code = "model" | "data" | "study" | "solve" | "gradient" | "project" | "file" | "plugin" | "cancelled" | "worker-died" | "request" | "internal";

/**
 * One quantity over time.
 */
export type Column = { 
/**
 * Name; elements of vectors as `z[1]`.
 */
name: string, 
/**
 * `state`, `let`, `observation` or `spread`.
 */
kind: ColumnKind, 
/**
 * Values.
 */
values: Slice, };

/**
 * What a column is.
 */
export type ColumnKind = "state" | "let" | "observation" | "spread";

/**
 * A column, or several with a replicate each.
 */
export type ColumnNames = string | Array<string>;

/**
 * How runs compare.
 */
export type CompareReply = { 
/**
 * One for each run.
 */
scores: Array<ModelScore>, 
/**
 * Runs that were trained on other measurements than the first, so that their numbers do not
 * compare.
 */
differing: Array<string>, };

/**
 * Asks how runs of the open project compare.
 */
export type CompareRequest = { 
/**
 * Run ids.
 */
runs: Array<string>, };

/**
 * How many of the measurements of an observation lie in the 90 % band of a measurement.
 */
export type Coverage = { 
/**
 * Experiment.
 */
experiment: string, 
/**
 * Observation.
 */
observation: string, 
/**
 * Held out: the method has not seen them.
 */
held_out: boolean, 
/**
 * Measurements.
 */
points: number, 
/**
 * Of these, inside.
 */
inside: number, };

/**
 * Information criteria of a fit, by which models of the same measurements compare.
 */
export type Criteria = { 
/**
 * Free parameters that were fitted, weights of networks among them.
 */
free: number, 
/**
 * Measurements that were trained on.
 */
points: number, 
/**
 * Akaike's information criterion.
 */
aic: number | null, 
/**
 * Schwarz's (Bayesian) information criterion.
 */
bic: number | null, 
/**
 * What is lacking where there are no criteria.
 */
lacking: string | null, };

/**
 * NVIDIA's own libraries, as files; both are needed to reach cards through CUDA.
 */
export type CudaView = { 
/**
 * The library of the driver.
 */
driver: string | null, 
/**
 * Version of the driver, where the system tells it.
 */
version: string | null, 
/**
 * The library that compiles CUDA C++ at run time (NVRTC).
 */
compiler: string | null, };

/**
 * Curves of one experiment.
 */
export type CurveView = { 
/**
 * Experiment.
 */
experiment: string, 
/**
 * Times, through the data and on to the end of the forecast.
 */
times: Slice, 
/**
 * Observations by name.
 */
observations: Array<NamedSlice>, };

/**
 * A table and what its columns mean.
 */
export type DataSource = { 
/**
 * File, relative to the study file; inside a project, the name of the stored table.
 */
file: string, 
/**
 * Time column; without it the model's time name, else the first column.
 */
time: string | null, 
/**
 * Observation of the model → column of the table, or several columns with a replicate each.
 * Observations that are not named take the column of their own name.
 */
columns: { [key in string]: ColumnNames }, 
/**
 * Observation → column of text that says which of its values are limits: `<` where the quantity was
 * below the value, `>` where it was above, nothing where it was measured. Without an entry the column
 * `NAME_censored` beside the column `NAME`, if there is one.
 */
censored?: { [key in string]: ColumnNames }, 
/**
 * Observation → column of numbers: how many measurements each value counts for. Without an entry 1.
 */
weights?: { [key in string]: ColumnNames }, };

/**
 * The devices of this machine.
 */
export type DevicesView = { 
/**
 * The processor, which computes everything that no card does.
 */
processor: ProcessorView, 
/**
 * Graphics cards, the best first; software that stands in for one last.
 */
cards: Array<CardView>, 
/**
 * Why there is no card, where there is none.
 */
none_because: string | null, 
/**
 * NVIDIA's own libraries.
 */
cuda: CudaView, 
/**
 * The device that would be considered where many trajectories are solved.
 */
chosen: string, 
/**
 * Why, in a sentence without a full stop.
 */
because: string, };

/**
 * A finding.
 */
export type DiagnosticView = { 
/**
 * `error`, `warning` or `note`.
 */
severity: SeverityView, 
/**
 * Stable code.
 */
code: string, 
/**
 * What is wrong.
 */
message: string, 
/**
 * What to try.
 */
hint: string | null, 
/**
 * Start in UTF-16 code units, as editors count.
 */
from: number, 
/**
 * End in UTF-16 code units.
 */
to: number, 
/**
 * Line from 1.
 */
line: number, 
/**
 * Column in characters from 1.
 */
column: number, 
/**
 * A second place: start, end, label.
 */
related: [number, number, string] | null, };

/**
 * An edit of the open project; every edit can be undone.
 */
export type Edit = { "kind": "model", 
/**
 * New text.
 */
text: string, } | { "kind": "study", 
/**
 * New study.
 */
study: StudyFile, } | { "kind": "import-table", 
/**
 * What to read.
 */
source: PreviewRequest, 
/**
 * Name to store it under.
 */
name: string, 
/**
 * Time column.
 */
time: string, 
/**
 * Observation → column.
 */
columns: { [key in string]: string }, } | { "kind": "remove-table", 
/**
 * Name.
 */
name: string, };

/**
 * Nothing.
 */
export type Empty = Record<symbol, never>;

/**
 * Enables a plugin again whose process died too often in a row.
 */
export type EnableRequest = { 
/**
 * Id.
 */
id: string, };

/**
 * An event that happened.
 */
export type EventMark = { 
/**
 * When.
 */
t: number, 
/**
 * The statement in the model's text.
 */
text: string, 
/**
 * The solution ended there.
 */
stop: boolean, };

/**
 * One bundled example.
 */
export type ExampleInfo = { 
/**
 * Folder name, the id to open it by.
 */
id: string, 
/**
 * Title.
 */
title: string, 
/**
 * One sentence.
 */
summary: string, };

/**
 * Opens a bundled example as a new, unsaved project.
 */
export type ExampleRequest = { 
/**
 * Id of the example.
 */
id: string, };

/**
 * One experiment: a table, a start and what differs from the model.
 */
export type ExperimentFile = { 
/**
 * Name shown to people.
 */
name: string, 
/**
 * Name of the table.
 */
data: string, 
/**
 * Time at which the initial values hold; default the first time of the table.
 */
start: number | null, 
/**
 * Times kept out of training, as a range: `1915..`, `..1903`, `5..7` (ends included).
 */
hold_out: string | null, 
/**
 * Values of params and initial values of states in this experiment.
 */
set: { [key in string]: number }, 
/**
 * Params that get their own fitted value in this experiment.
 */
local: Array<string>, 
/**
 * The rows of the table were measured at rest: the state of each is the steady state of the
 * equations at its time, which the initial values lead to.
 */
steady: boolean, };

/**
 * One experiment.
 */
export type ExperimentView = { 
/**
 * Name.
 */
name: string, 
/**
 * Start time.
 */
start: number, 
/**
 * First time that is held out, when the hold-out is at the end.
 */
hold_out_from: number | null, 
/**
 * Measured series.
 */
series: Array<SeriesView>, };

/**
 * A fit in numbers.
 */
export type FitReply = { 
/**
 * Scalar parameters by name.
 */
parameters: { [key in string]: number }, 
/**
 * Log-likelihood of the training data with all constants.
 */
log_likelihood: number | null, 
/**
 * Training loss.
 */
loss: number, 
/**
 * Loss per point on the hold-out.
 */
hold_out: number | null, 
/**
 * Iterations done.
 */
iterations: number, 
/**
 * Why it ended.
 */
stop_reason: string, 
/**
 * Seconds.
 */
seconds: number, 
/**
 * Run id in the project file.
 */
run: string | null, 
/**
 * Scores.
 */
scores: Array<Score>, 
/**
 * Losses where trainings from several places ended, best first; empty with one start.
 */
starts: Array<number>, 
/**
 * Free parameters that were fitted, weights of networks among them.
 */
free: number, 
/**
 * Measurements that were trained on.
 */
points: number, 
/**
 * Akaike's information criterion.
 */
aic: number | null, 
/**
 * Schwarz's (Bayesian) information criterion.
 */
bic: number | null, 
/**
 * What is lacking where there are no criteria.
 */
lacking: string | null, };

/**
 * Trains a study from files.
 */
export type FitRequest = { 
/**
 * Path of `study.toml`.
 */
study: string, 
/**
 * Project file to write; must not exist unless `resume`.
 */
out: string | null, 
/**
 * Bound of iterations.
 */
iterations: number | null, 
/**
 * Go on with the last interrupted run in `out`.
 */
resume: boolean, 
/**
 * What computes gradients before the stage that finishes, instead of what the study says: `auto`, `cpu`,
 * `gpu`, or a part of the name of a graphics card.
 */
device: string | null, };

/**
 * A fitted scalar parameter.
 */
export type FittedParameter = { 
/**
 * Name.
 */
name: string, 
/**
 * Unit.
 */
unit: string | null, 
/**
 * Start value.
 */
start: number, 
/**
 * Fitted value.
 */
value: number, 
/**
 * Lower bound.
 */
lower: number | null, 
/**
 * Upper bound.
 */
upper: number | null, 
/**
 * It ended at a bound.
 */
at_bound: boolean, };

/**
 * What to compute beyond the data.
 */
export type ForecastFile = { 
/**
 * End time; default a quarter of the data's span beyond its end.
 */
until: number | null, 
/**
 * `none`; other kinds of band come with uncertainty.
 */
bands: string, };

/**
 * Curves of a run.
 */
export type ForecastReply = { 
/**
 * Run used.
 */
run: RunSummary, 
/**
 * Curves per experiment.
 */
curves: Array<CurveView>, 
/**
 * Name of time.
 */
time: string, };

/**
 * A forecast from a project file's best or named run.
 */
export type ForecastRequest = { 
/**
 * Project file.
 */
project: string, 
/**
 * Run id or number; default the newest that has parameters.
 */
run: string | null, 
/**
 * End time; default the study's.
 */
until: number | null, 
/**
 * Number of times; default 201.
 */
points: number | null, };

/**
 * A formula of the list of an output.
 */
export type FormulaChoice = { 
/**
 * Output, such as `encounter[1]`.
 */
output: string, 
/**
 * Its place in the list, from 1; the recommended one when absent.
 */
formula: number | null, };

/**
 * Gradients and what they cost.
 */
export type GradientReply = { 
/**
 * The loss.
 */
loss: number, 
/**
 * Names in the order of values: scalars by name, weights as `net.layer1.weight[3]`.
 */
names: Array<string>, 
/**
 * Number of states.
 */
states: number, 
/**
 * Which solver, and why.
 */
solver: string, 
/**
 * Seconds of one forward solve of all experiments, the least of a few,
 */
forward_seconds: number, 
/**
 * and how often it evaluates the right-hand side.
 */
forward_evaluations: number, 
/**
 * The methods that were run, in the order of the list of methods.
 */
methods: Array<GradientResult>, 
/**
 * Those that were not.
 */
refused: Array<RefusedMethod>, 
/**
 * What `auto` chooses,
 */
chosen: string, 
/**
 * and why.
 */
choice: string, 
/**
 * The comparison was stopped before its end.
 */
stopped: boolean, 
/**
 * Second derivatives, where they were asked for.
 */
hessian: HessianView | null, };

/**
 * Gradients of a study.
 */
export type GradientRequest = { 
/**
 * Path of `study.toml`; the open project when absent.
 */
study: string | null, 
/**
 * `auto` or a method by name; that of the study when absent.
 */
method: string | null, 
/**
 * Compare with differences of the same steps along random directions.
 */
check: boolean, 
/**
 * Run every method that goes through this study, and say of the others why not.
 */
compare: boolean, 
/**
 * Memory of one gradient, such as `64 MB`; that of the study when absent.
 */
memory: string | null, 
/**
 * Second derivatives as well.
 */
hessian: boolean, };

/**
 * One method's gradient.
 */
export type GradientResult = { 
/**
 * Name, such as `discrete`.
 */
method: string, 
/**
 * Name shown to people.
 */
title: string, 
/**
 * What it is, in a sentence.
 */
description: string, 
/**
 * It differentiates the very steps of the solver.
 */
exact: boolean, 
/**
 * Seconds of one evaluation, the least of a few.
 */
seconds: number, 
/**
 * The same over the time of one forward solve.
 */
over_forward: number, 
/**
 * Seconds that the automatic choice expected.
 */
estimate: number | null, 
/**
 * Peak bytes.
 */
memory: number, 
/**
 * Evaluations of the right-hand side on the way there,
 */
forward_evaluations: number, 
/**
 * and evaluations and products of the derivative pass.
 */
reverse_products: number, 
/**
 * Largest difference from the first exact method that was run (from the first one when none
 * is exact), over its largest entry.
 */
agreement: number, 
/**
 * Largest relative difference from finite differences of the same steps, when checked.
 */
check: number | null, 
/**
 * Why it could not be checked although that was asked for.
 */
unchecked: string | null, 
/**
 * Largest such difference that a right gradient of this kind may have at the tolerances.
 */
allowed: number, 
/**
 * Values.
 */
values: Array<number>, };

/**
 * A gradient method.
 */
export type GradientSummary = { 
/**
 * Name in study files.
 */
id: string, 
/**
 * Name shown to people.
 */
title: string, 
/**
 * What it is and what it costs, in a sentence.
 */
description: string, 
/**
 * It differentiates the very steps of the solver.
 */
exact: boolean, };

/**
 * How the gradient of a loss changes.
 */
export type HessianView = { 
/**
 * Change of the gradient along its own direction, per unit of that: the product of the Hessian
 * with the gradient over its length, in the order of the reply's names.
 */
along_gradient: Array<number>, 
/**
 * Second derivative of the loss in that direction.
 */
curvature: number, 
/**
 * Largest difference of two entries across the diagonal relative to the largest entry, where there
 * are few parameters and the whole matrix was computed.
 */
asymmetry: number | null, 
/**
 * Curvatures along orthogonal directions in the optimiser's coordinates, ascending; none where
 * there are many parameters.
 */
eigenvalues: Array<number>, };

/**
 * A table that drives an input.
 */
export type InputTable = { 
/**
 * Name of the input.
 */
input: string, 
/**
 * File of the table; its time column is the one with the model's name of time, else the first.
 */
file: string, 
/**
 * Column; default the one that the model names.
 */
column: string | null, };

/**
 * A forcing signal.
 */
export type InputView = { 
/**
 * Name.
 */
name: string, 
/**
 * Column of the data.
 */
column: string, 
/**
 * `linear`, `previous` or `cubic`.
 */
interpolation: string, 
/**
 * Unit.
 */
unit: string | null, };

/**
 * What to do with the running job.
 */
export type JobAction = "pause" | "resume" | "stop";

/**
 * An action on the running job.
 */
export type JobRequest = { 
/**
 * The action.
 */
action: JobAction, };

/**
 * Draws of the scalar parameters, thinned where there were very many.
 */
export type KeptDraws = { 
/**
 * Names, in the order of the numbers of a draw.
 */
names: Array<string>, 
/**
 * Chains.
 */
chains: number, 
/**
 * Draws of each that are kept.
 */
draws: number, 
/**
 * Every how many-th draw is kept.
 */
every: number, 
/**
 * Chain by chain and draw by draw, as many numbers as there are names each.
 */
values: Slice, };

/**
 * Everything the editor shows about a text.
 */
export type ModelReport = { 
/**
 * No error was found.
 */
ok: boolean, 
/**
 * Findings in order of position.
 */
diagnostics: Array<DiagnosticView>, 
/**
 * `model "title"`.
 */
title: string | null, 
/**
 * The classification sentence.
 */
classification: string, 
/**
 * Two solutions differ by chance: there is noise, or there are random jumps.
 */
random: boolean, 
/**
 * Number of reactions, a reversible one counted twice.
 */
reactions: number, 
/**
 * Name and unit of time, default start.
 */
time: TimeView, 
/**
 * States.
 */
states: Array<StateView>, 
/**
 * Scalar parameters.
 */
parameters: Array<ParameterView>, 
/**
 * Networks.
 */
networks: Array<NetworkView>, 
/**
 * Named expressions.
 */
lets: Array<string>, 
/**
 * Forcing signals.
 */
inputs: Array<InputView>, 
/**
 * Observations.
 */
observations: Array<ObservationView>, 
/**
 * Equations as LaTeX, one a line, in order of the text.
 */
latex: Array<string>, 
/**
 * The text as the formatter prints it; absent when it does not parse.
 */
formatted: string | null, 
/**
 * Number of free numbers: parameters and weights.
 */
free_count: number, 
/**
 * The findings with the lines they are about, as compilers print them.
 */
rendered: string, };

/**
 * How good a fit is, for comparison with others of the same data.
 */
export type ModelScore = { 
/**
 * Which.
 */
name: string, 
/**
 * Free parameters, weights of networks among them.
 */
parameters: number, 
/**
 * Measurements that were trained on.
 */
points: number, 
/**
 * Training loss.
 */
loss: number, 
/**
 * Log-likelihood with all constants, where all measurements have a noise model.
 */
log_likelihood: number | null, 
/**
 * Loss per point on the hold-out.
 */
hold_out: number | null, 
/**
 * Akaike's information criterion.
 */
aic: number | null, 
/**
 * Schwarz's (Bayesian) information criterion.
 */
bic: number | null, };

/**
 * Model text.
 */
export type ModelText = { 
/**
 * The text.
 */
text: string, };

/**
 * Named numbers.
 */
export type NamedSlice = { 
/**
 * Name.
 */
name: string, 
/**
 * Numbers.
 */
values: Slice, };

/**
 * A network.
 */
export type NetworkView = { 
/**
 * Name.
 */
name: string, 
/**
 * Kind.
 */
kind: string, 
/**
 * Inputs.
 */
inputs: number, 
/**
 * Outputs.
 */
outputs: number, 
/**
 * Number of weights; 0 when it cannot be built.
 */
weights: number, };

/**
 * An observation.
 */
export type ObservationView = { 
/**
 * Name.
 */
name: string, 
/**
 * Noise model in words, e.g. `log-normal`.
 */
noise: string, 
/**
 * Unit.
 */
unit: string | null, };

/**
 * A scalar parameter.
 */
export type ParameterView = { 
/**
 * Name.
 */
name: string, 
/**
 * Unit.
 */
unit: string | null, 
/**
 * Start value.
 */
value: number, 
/**
 * Lower bound; absent when there is none.
 */
lower: number | null, 
/**
 * Upper bound.
 */
upper: number | null, 
/**
 * `linear`, `log` or `logit`.
 */
scale: string, };

/**
 * A path.
 */
export type PathRequest = { 
/**
 * The path.
 */
path: string, };

/**
 * Installed plugins.
 */
export type PluginList = { 
/**
 * Plugins in order of id.
 */
plugins: Array<PluginView>, 
/**
 * Folders looked at.
 */
folders: Array<string>, };

/**
 * Whether a plugin may run.
 */
export type PluginState = "bundled" | "no-code" | "trusted" | "not-trusted" | "changed" | "disabled";

/**
 * What a user needs to know to decide about a plugin, read without running any of it.
 */
export type PluginTrust = { 
/**
 * Whether it may run.
 */
state: PluginState, 
/**
 * What is not as it was when it was trusted.
 */
changes: Array<string>, 
/**
 * Authors, as the plugin itself claims.
 */
publisher: Array<string>, 
/**
 * Web page, as the plugin itself claims; may be empty.
 */
homepage: string, 
/**
 * BLAKE3 of the manifest in hexadecimal; empty when it cannot be read.
 */
manifest: string, 
/**
 * BLAKE3 of the library for this machine in hexadecimal; empty when there is none.
 */
library: string, };

/**
 * One plugin.
 */
export type PluginView = { 
/**
 * Id.
 */
id: string, 
/**
 * Name.
 */
name: string, 
/**
 * Version.
 */
version: string, 
/**
 * Licence.
 */
license: string, 
/**
 * Where it is.
 */
path: string, 
/**
 * Solvers: id to use in a study, and name.
 */
solvers: Array<[string, string]>, 
/**
 * Networks: kind to use in a model, and name.
 */
networks: Array<[string, string]>, 
/**
 * Whether it may run, and what to decide that by.
 */
trust: PluginTrust, 
/**
 * Why it cannot be used, when it cannot.
 */
problem: string | null, };

/**
 * A column of a table.
 */
export type PreviewColumn = { 
/**
 * Name.
 */
name: string, 
/**
 * It holds numbers.
 */
numeric: boolean, 
/**
 * Values, NaN where missing; empty when not numeric.
 */
values: Slice, 
/**
 * Missing values.
 */
missing: number, 
/**
 * Of a column of text the first 500 cells, of each the first 80 characters; else empty.
 */
texts: Array<string>, };

/**
 * Reading a table without storing it.
 */
export type PreviewRequest = { 
/**
 * Path of the file; exclusive with `text`.
 */
path: string | null, 
/**
 * Pasted text.
 */
text: string | null, 
/**
 * Sheet of a workbook; default the first.
 */
sheet: string | null, };

/**
 * The processor.
 */
export type ProcessorView = { 
/**
 * As it calls itself.
 */
name: string, 
/**
 * The instructions that steps of many trajectories are computed with.
 */
instructions: string, 
/**
 * Cores that may be used.
 */
cores: number, };

/**
 * The profile of a parameter.
 */
export type ProfileView = { 
/**
 * Parameter.
 */
name: string, 
/**
 * Its values.
 */
values: Slice, 
/**
 * Rise of twice the loss over the fit; 3.84 bounds the 95 % interval.
 */
rises: Slice, };

/**
 * Progress of a job, at most 30 a second. The stream ends with `Finished` or `Failed`, always.
 */
export type Progress = { "event": "started", 
/**
 * Run it writes.
 */
run: string, 
/**
 * Stages it will go through.
 */
stages: Array<StageView>, 
/**
 * Names of the scalar parameters, in the order of `Iteration::parameters`.
 */
parameters: Array<string>, 
/**
 * Which gradient and solver, one sentence.
 */
method: string, } | { "event": "iteration", 
/**
 * Iteration from 1 over all stages.
 */
iteration: number, 
/**
 * Iterations at most.
 */
total: number, 
/**
 * Stage from 0.
 */
stage: number, 
/**
 * Loss now.
 */
loss: number, 
/**
 * Best loss of this stage.
 */
best: number, 
/**
 * Loss per point on the hold-out, now and then.
 */
hold_out: number | null, 
/**
 * Scalar parameters now.
 */
parameters: Slice, 
/**
 * Seconds since the start.
 */
elapsed_s: number, 
/**
 * Seconds left, estimated.
 */
left_s: number | null, } | { "event": "curves", 
/**
 * The same experiments as in the study, each with model curves.
 */
experiments: Array<CurveView>, } | { "event": "starts", 
/**
 * Places whose loss is known, while places are looked at; then 0.
 */
screened: number, 
/**
 * Places to look at; then 0.
 */
places: number, 
/**
 * Trainings done.
 */
done: number, 
/**
 * Trainings in all.
 */
total: number, 
/**
 * Their losses, best first.
 */
losses: Slice, 
/**
 * Seconds left, estimated.
 */
left_s: number | null, } | { "event": "sampling", 
/**
 * Draws made, warm-up included.
 */
done: number, 
/**
 * Draws to make.
 */
total: number, 
/**
 * Seconds left, estimated.
 */
left_s: number | null, } | { "event": "working", 
/**
 * What is worked on: `formulas` are looked for, `segments` of the span are joined,
 * `trajectories` of a scan are solved.
 */
what: string, 
/**
 * Share that is done.
 */
share: number, 
/**
 * Seconds left, estimated.
 */
left_s: number | null, } | { "event": "note", 
/**
 * Iteration.
 */
iteration: number, 
/**
 * The sentence.
 */
message: string, } | { "event": "comparing", 
/**
 * Name of the method that runs now, as shown to people.
 */
method: string, 
/**
 * Methods done.
 */
done: number, 
/**
 * Methods in all.
 */
total: number, } | { "event": "paused", 
/**
 * Held.
 */
paused: boolean, } | { "event": "finished", 
/**
 * The run.
 */
run: RunSummary, } | { "event": "failed", 
/**
 * The error.
 */
error: ApiError, };

/**
 * What is in a project file.
 */
export type ProjectInfo = { 
/**
 * Path.
 */
path: string, 
/**
 * Bytes.
 */
bytes: number, 
/**
 * Format that is needed to read it.
 */
read_version: number, 
/**
 * Format it was written with.
 */
write_version: number, 
/**
 * Program that made it.
 */
created_by: string, 
/**
 * Program that wrote it last.
 */
written_by: string, 
/**
 * Model title.
 */
title: string | null, 
/**
 * Stored model texts.
 */
model_versions: number, 
/**
 * Tables: name and rows.
 */
tables: Array<[string, number]>, 
/**
 * Runs.
 */
runs: Array<RunSummary>, };

/**
 * The open project.
 */
export type ProjectView = { 
/**
 * Where it is; absent until first saved.
 */
path: string | null, 
/**
 * The file that is being worked on: `path`, or a draft in the application's own folder.
 */
file: string, 
/**
 * Title: file name, or the example's title.
 */
title: string, 
/**
 * Everything is in the file.
 */
saved: boolean, 
/**
 * Opened for reading only, and why.
 */
read_only: string | null, 
/**
 * Model text.
 */
model: string, 
/**
 * Study.
 */
study: StudyFile, 
/**
 * Stored tables.
 */
tables: Array<TableView>, 
/**
 * Runs, newest first.
 */
runs: Array<RunSummary>, 
/**
 * There is something to undo: what.
 */
undo: string | null, 
/**
 * There is something to redo: what.
 */
redo: string | null, 
/**
 * The study as elaborated, or why it cannot be.
 */
problem: StudyReport, };

/**
 * A project file opened lately.
 */
export type RecentProject = { 
/**
 * Path.
 */
path: string, 
/**
 * Title at the last opening.
 */
title: string, 
/**
 * When, in milliseconds since 1970 UTC.
 */
opened_ms: number, 
/**
 * The file is still there.
 */
exists: boolean, };

/**
 * A method that was not run.
 */
export type RefusedMethod = { 
/**
 * Name.
 */
method: string, 
/**
 * Name shown to people.
 */
title: string, 
/**
 * What it is, in a sentence.
 */
description: string, 
/**
 * Why not, in a sentence.
 */
reason: string, };

/**
 * A model text with formulas in the place of networks.
 */
export type ReplaceReply = { 
/**
 * The text.
 */
text: string, 
/**
 * Outputs that were replaced, and by what.
 */
replaced: Array<[string, string]>, 
/**
 * Fitted scalar parameters of the new text by name; empty unless it was trained.
 */
parameters: { [key in string]: number }, 
/**
 * The fit with the networks and that with the formulas; empty unless it was trained.
 */
comparison: Array<ModelScore>, };

/**
 * Asks for the model text with formulas in the place of networks.
 */
export type ReplaceRequest = { 
/**
 * The fit, as in [`TermsRequest`]: path of `study.toml`,
 */
study: string | null, 
/**
 * or of a project file; the open project when both are absent.
 */
project: string | null, 
/**
 * Run id or number; default the newest that has parameters.
 */
run: string | null, 
/**
 * Which outputs, and by which of their formulas; all of all networks by the recommended ones
 * when empty.
 */
choices: Array<FormulaChoice>, 
/**
 * Train the new text too, on the same data, and compare.
 */
refit: boolean, };

/**
 * Makes one standalone HTML page.
 */
export type ReportRequest = { 
/**
 * Project file; the open project when absent.
 */
project: string | null, 
/**
 * Run id or number; default the newest that has parameters.
 */
run: string | null, 
/**
 * Where to write; default beside the project.
 */
out: string | null, };

/**
 * Where the new data of a bootstrap come from.
 */
export type ResamplingChoice = "parametric" | "residual" | "case";

/**
 * Asks for one run.
 */
export type RunRequest = { 
/**
 * Id.
 */
run: string, };

/**
 * State of a run.
 */
export type RunStatus = "running" | "paused" | "finished" | "stopped" | "interrupted" | "failed";

/**
 * A run in a list.
 */
export type RunSummary = { 
/**
 * Id.
 */
id: string, 
/**
 * Number shown to people, from 1.
 */
number: number, 
/**
 * When it began, milliseconds since 1970 UTC.
 */
started_ms: number, 
/**
 * `running`, `paused`, `finished`, `stopped`, `interrupted` (can be resumed), `failed`.
 */
status: RunStatus, 
/**
 * Iterations done.
 */
iterations: number, 
/**
 * Best training loss.
 */
loss: number | null, 
/**
 * Log-likelihood of the training data, when the noise models give one.
 */
log_likelihood: number | null, 
/**
 * Loss per point on the hold-out at the best parameters.
 */
hold_out: number | null, 
/**
 * Why it ended.
 */
stop_reason: string | null, 
/**
 * Seconds spent.
 */
seconds: number, };

/**
 * Everything about one run.
 */
export type RunView = { 
/**
 * The line in the list.
 */
summary: RunSummary, 
/**
 * Model text it was trained with.
 */
model: string, 
/**
 * Study it was trained with.
 */
study: StudyFile, 
/**
 * Fitted scalar parameters.
 */
parameters: Array<FittedParameter>, 
/**
 * Curves at the best parameters, forecast included.
 */
curves: Array<CurveView>, 
/**
 * The data it was trained on.
 */
experiments: Array<ExperimentView>, 
/**
 * Iterations of the loss history.
 */
history_iterations: Slice, 
/**
 * Loss at them.
 */
history_loss: Slice, 
/**
 * Best loss so far of the stage at them: stages of a growing horizon have losses of their own.
 */
history_best: Slice, 
/**
 * Loss per point on the hold-out at them, NaN where not computed.
 */
history_hold_out: Slice, 
/**
 * Scalar parameters at them, row by row.
 */
history_parameters: Slice, 
/**
 * Scores per observation.
 */
scores: Array<Score>, 
/**
 * Information criteria.
 */
criteria: Criteria, 
/**
 * Notes of the log: iteration and sentence.
 */
log: Array<[number, string]>, 
/**
 * Versions, seed, solver, gradient, hashes: name and value.
 */
provenance: Array<[string, string]>, 
/**
 * What each start came to, when there were several.
 */
starts: StartsView | null, };

/**
 * What draws from a posterior tell.
 */
export type SampleReply = { 
/**
 * One entry per parameter that is no network weight.
 */
parameters: Array<SampledParameter>, 
/**
 * Names of everything that was drawn, weights too.
 */
names: Array<string>, 
/**
 * Chains.
 */
chains: number, 
/**
 * Draws of each.
 */
draws: number, 
/**
 * All draws, chain by chain and draw by draw, as many numbers as there are names each.
 */
values: Slice, 
/**
 * Draws at which the sampler's trajectory broke down.
 */
divergences: number, 
/**
 * Places where the model could not be solved.
 */
failures: number, 
/**
 * Evaluations of the loss with its gradient.
 */
gradients: number, 
/**
 * Seconds of sampling.
 */
seconds: number, 
/**
 * Stopped before its end.
 */
cancelled: boolean, 
/**
 * What speaks against trusting the draws.
 */
warnings: Array<string>, 
/**
 * Name of the time.
 */
time: string, 
/**
 * Where the observations lie, over the data and the forecast.
 */
bands: Array<BandView>, };

/**
 * Draws from the posterior distribution of a study's parameters.
 */
export type SampleRequest = { 
/**
 * Path of `study.toml`.
 */
study: string, 
/**
 * Chains; default 4.
 */
chains: number | null, 
/**
 * Draws of each chain that are thrown away; default 500.
 */
warmup: number | null, 
/**
 * Draws of each chain that are kept; default 1000.
 */
draws: number | null, 
/**
 * Seed; default the study's.
 */
seed: number | null, 
/**
 * Number of times of the bands; default 201.
 */
points: number | null, };

/**
 * What draws tell of a parameter.
 */
export type SampledParameter = { 
/**
 * Name.
 */
name: string, 
/**
 * Mean.
 */
mean: number, 
/**
 * Standard deviation.
 */
sd: number, 
/**
 * Monte-Carlo standard error of the mean.
 */
standard_error: number, 
/**
 * 5 %, 50 % and 95 % quantiles.
 */
quantiles: [number, number, number], 
/**
 * Effective number of draws in the bulk of the distribution.
 */
bulk: number, 
/**
 * Effective number of draws in its tails.
 */
tail: number, 
/**
 * Scale reduction R̂.
 */
scale_reduction: number, };

/**
 * Many trajectories.
 */
export type Scan = { 
/**
 * Number of trajectories.
 */
count: number, 
/**
 * What they have of their own: a value for each.
 */
points: Array<ScanColumn>, 
/**
 * Times, the same for all.
 */
times: Slice, 
/**
 * States, then lets, then observations: trajectory by trajectory a value for each time, NaN where it
 * did not get to.
 */
columns: Array<Column>, 
/**
 * Number of trajectories that failed.
 */
failed: number, 
/**
 * The first of them.
 */
failures: Array<ScanFailure>, 
/**
 * The device: `processor`, or the name of a card.
 */
device: string, 
/**
 * Number of trajectories that a card computed, in single precision.
 */
on_card: number, 
/**
 * Which device and why, and what else happened, in sentences without a full stop.
 */
notes: Array<string>, 
/**
 * What all of them cost.
 */
stats: SolveStats, };

/**
 * Values of one parameter or initial state.
 */
export type ScanAxis = { 
/**
 * Its name.
 */
name: string, 
/**
 * First value.
 */
from: number, 
/**
 * Last value.
 */
to: number, 
/**
 * Number of values, both ends included.
 */
count: number, 
/**
 * Equal ratios instead of equal distances.
 */
log: boolean, };

/**
 * Values of a parameter or initial state, one for each trajectory.
 */
export type ScanColumn = { 
/**
 * Its name.
 */
name: string, 
/**
 * It is the initial value of a state.
 */
initial: boolean, 
/**
 * Values.
 */
values: Slice, };

/**
 * A trajectory that failed.
 */
export type ScanFailure = { 
/**
 * Its number, from 0.
 */
index: number, 
/**
 * Why.
 */
message: string, };

/**
 * What pictures of many trajectories show. The numbers themselves stay where they were computed, until
 * another scan or another project takes their place.
 */
export type ScanOverview = { 
/**
 * Number of trajectories.
 */
count: number, 
/**
 * What they have of their own: a value for each.
 */
points: Array<ScanColumn>, 
/**
 * Times, the same for all.
 */
times: Slice, 
/**
 * States, then lets, then observations.
 */
columns: Array<ScanQuantity>, 
/**
 * Numbers of the trajectories whose curves are given, evenly from all, ascending.
 */
shown: Array<number>, 
/**
 * Number of trajectories that failed.
 */
failed: number, 
/**
 * The first of them.
 */
failures: Array<ScanFailure>, 
/**
 * The device: `processor`, or the name of a card.
 */
device: string, 
/**
 * Number of trajectories that a card computed, in single precision.
 */
on_card: number, 
/**
 * Which device and why, and what else happened, in sentences without a full stop.
 */
notes: Array<string>, 
/**
 * What all of them cost.
 */
stats: SolveStats, };

/**
 * A state, named expression or observation of many trajectories.
 */
export type ScanQuantity = { 
/**
 * Its name.
 */
name: string, 
/**
 * What it is.
 */
kind: ColumnKind, 
/**
 * Values below which 5, 25, 50, 75 and 95 of 100 trajectories are: for each time one, of those that
 * got there.
 */
quantiles: [Slice, Slice, Slice, Slice, Slice], 
/**
 * Of each trajectory the value at the last time, NaN where it did not get there.
 */
last: Slice, 
/**
 * Of each trajectory the least value at all times.
 */
least: Slice, 
/**
 * Of each trajectory the greatest.
 */
greatest: Slice, 
/**
 * Values at all times of the trajectories that are shown, one after the other.
 */
curves: Slice, };

/**
 * Solves a model for all combinations of values, for the rows of a table, or for each row with each
 * combination.
 */
export type ScanRequest = { 
/**
 * What is the same for all: model, times, method, accuracy. Without times, the end only, unless
 * `numbers` says otherwise.
 */
simulate: SimulateRequest, 
/**
 * Values to combine; the last axis changes from trajectory to trajectory.
 */
axes: Array<ScanAxis>, 
/**
 * So many trajectories with values of chance between the ends of the axes, whose counts do not
 * matter, in the place of all combinations. The seed of `simulate` says which.
 */
random: number | null, 
/**
 * Where no times are given: 201 of them from start to end, or as many as make no more numbers than
 * this, at least both ends.
 */
numbers: number | null, 
/**
 * File of a table with a row for each trajectory; columns that are named as parameters or states are
 * taken.
 */
table: string | null, 
/**
 * `auto` (the default), `cpu`, `gpu` or a part of a card's name.
 */
device: string | null, };

/**
 * How well an observation is described.
 */
export type Score = { 
/**
 * Experiment.
 */
experiment: string, 
/**
 * Observation.
 */
observation: string, 
/**
 * Points trained on.
 */
points: number, 
/**
 * Root mean square error on them.
 */
rmse: number, 
/**
 * Points held out.
 */
held_out_points: number, 
/**
 * Root mean square error on those.
 */
held_out_rmse: number | null, };

/**
 * Points of one observation in one experiment.
 */
export type SeriesView = { 
/**
 * Observation.
 */
observation: string, 
/**
 * Times.
 */
times: Slice, 
/**
 * Values.
 */
values: Slice, 
/**
 * 1 where the point is held out.
 */
held_out: Slice, 
/**
 * -1 where the value is a limit that the quantity was below, 1 where it was above, else 0; empty where
 * all were measured.
 */
censored: Slice, };

/**
 * How bad a finding is.
 */
export type SeverityView = "error" | "warning" | "note";

/**
 * A simulation of a model text.
 */
export type SimulateRequest = { 
/**
 * Model text.
 */
text: string, 
/**
 * Values of params and of initial values of states, by name.
 */
set: { [key in string]: number }, 
/**
 * Take params and weights of this run of the open project (before `set`).
 */
run: string | null, 
/**
 * Start; default the model's.
 */
from: number | null, 
/**
 * End; default start + 10.
 */
to: number | null, 
/**
 * Times to report; wins over `points`.
 */
at: Array<number>, 
/**
 * Number of equally spaced times, both ends included; default 201.
 */
points: number | null, 
/**
 * Method; default `auto`.
 */
method: string | null, 
/**
 * Relative tolerance; default 1e-6, with noise 1e-3.
 */
rtol: number | null, 
/**
 * Absolute tolerance; default 1e-8, with noise 1e-5.
 */
atol: number | null, 
/**
 * Seed of network weights and of every random number of the solution.
 */
seed: number | null, 
/**
 * How reactions are run: `ode` (the default), `langevin`, `jumps`.
 */
reactions: string | null, 
/**
 * Which random path of a stochastic model, from 0.
 */
path: number | null, 
/**
 * Number of random paths: the columns are their means, beside them their standard deviations.
 */
paths: number | null, 
/**
 * Instead of a trajectory the steady state near the initial values, as a single row at the
 * start.
 */
steady: boolean, 
/**
 * Tables of the model's inputs. Those that are not named come from the experiment.
 */
inputs: Array<InputTable>, 
/**
 * Experiment of the open project whose data drive the inputs; default the first that has them.
 */
experiment: string | null, 
/**
 * What simulates several random paths: `cpu` (the default), `gpu`, `auto`, or a part of the name of a card.
 */
device?: string, };

/**
 * A trajectory.
 */
export type Simulation = { 
/**
 * Times.
 */
times: Slice, 
/**
 * States, then lets, then observations; of several paths the spreads behind them.
 */
columns: Array<Column>, 
/**
 * Events that happened, in order of time.
 */
events: Array<EventMark>, 
/**
 * What the solver found out on the way, in sentences.
 */
notes: Array<string>, 
/**
 * What it cost.
 */
stats: SolveStats, };

/**
 * Part of the message's block of numbers.
 */
export type Slice = { 
/**
 * First element.
 */
start: number, 
/**
 * Number of elements.
 */
len: number, };

/**
 * What a solve cost.
 */
export type SolveStats = { 
/**
 * Method used.
 */
method: string, 
/**
 * Why this one.
 */
reason: string, 
/**
 * Accepted steps.
 */
accepted: number, 
/**
 * Rejected attempts.
 */
rejected: number, 
/**
 * Right-hand sides.
 */
rhs: number, 
/**
 * Jacobians.
 */
jacobians: number, 
/**
 * Matrices factored.
 */
factorisations: number, 
/**
 * Events and jumps.
 */
events: number, 
/**
 * Seconds of compiling.
 */
compile_s: number, 
/**
 * Seconds of solving.
 */
solve_s: number, };

/**
 * Solver settings.
 */
export type SolverFile = { 
/**
 * `auto`, a built-in method such as `tsit5`, `rodas5p`, `bdf` (see the list in docs/reference/solvers.md),
 * or a plugin's `org.example.rodas/rodas5p`.
 */
method: string, 
/**
 * Relative tolerance.
 */
rtol: number, 
/**
 * Absolute tolerance.
 */
atol: number, 
/**
 * Budget of steps per solve.
 */
max_steps: number, 
/**
 * How reactions are run: `ode`, `langevin` (as a stochastic differential equation) or `jumps`
 * (one by one, as random events).
 */
reactions: string, 
/**
 * Random paths over which `path_mean` and `path_variance` of a model are taken.
 */
paths: number, };

/**
 * A built-in solver.
 */
export type SolverSummary = { 
/**
 * Name in study files.
 */
id: string, 
/**
 * Name shown to people.
 */
name: string, 
/**
 * What it is for, in a few words.
 */
group: string, 
/**
 * One sentence: when to use it.
 */
advice: string, };

/**
 * One stage of a recipe.
 */
export type StageFile = { 
/**
 * `adam`, `adamw`, `lbfgs`, `lbfgsb` (within bounds as they are), `lm`
 * (Levenberg–Marquardt) or `cmaes` (CMA-ES, a global search).
 */
optimiser: string, 
/**
 * Iterations at most.
 */
iterations: number, 
/**
 * Learning rate (Adam, AdamW).
 */
rate: number, 
/**
 * Share of the training time span used by this stage, in (0, 1]; a growing horizon is a
 * list of stages with growing shares.
 */
horizon: number, 
/**
 * How the rate goes over the stage (Adam, AdamW): `constant`, or falling like half a `cosine`
 * or `exponential`ly.
 */
schedule: string, 
/**
 * Share of the rate that is left at the end of a falling schedule, in (0, 1].
 */
down_to: number, 
/**
 * Bound of the gradient's norm (Adam, AdamW): `none`; `norm`, at `clip_at`; `relative`, at
 * `clip_at` times its running average, which needs no knowledge of the loss's size.
 */
clip: string, 
/**
 * See `clip`.
 */
clip_at: number, 
/**
 * What the stage moves: `all`; `scalars`, all but network weights; `weights`; `noise`, what
 * only noise models depend on; `all-but-noise`.
 */
scope: string, 
/**
 * Decay of network weights (AdamW): each iteration takes `rate · decay` of every weight off.
 */
decay: number, 
/**
 * How much of the average of squared gradients an iteration keeps (Adam, AdamW), in [0, 1): the
 * average remembers about `1/(1 - beta2)` iterations.
 */
beta2: number, 
/**
 * Standard deviation at which CMA-ES begins: 1 is about the size of the start value, or a
 * factor of e on a log scale.
 */
spread: number, 
/**
 * Places of a generation of CMA-ES; 0 takes `4 + 3 ln n` for n parameters.
 */
population: number, 
/**
 * Experiments that an iteration looks at (Adam, AdamW); 0 looks at all of them.
 */
batch: number, 
/**
 * Iterations without a better hold-out that end the stage, at the best hold-out; 0 for none.
 */
patience: number, 
/**
 * Segments into which the training span of each experiment is cut (Adam, AdamW), each with an initial
 * state of its own; `batch` then counts segments. 0 for none.
 */
segments: number, };

/**
 * A stage of the recipe.
 */
export type StageView = { 
/**
 * What the optimiser is called: `Adam`, `L-BFGS`.
 */
optimiser: string, 
/**
 * Iterations at most.
 */
iterations: number, 
/**
 * Learning rate, for Adam.
 */
rate: number | null, 
/**
 * Share of the time span.
 */
horizon: number, 
/**
 * What else it does, for people; may be empty.
 */
details: string, 
/**
 * The stage as a study writes it.
 */
file: StageFile, };

/**
 * Trainings of one run from many places, best result first.
 */
export type StartsView = { 
/**
 * How many came to the best loss.
 */
reached: number, 
/**
 * Number of each place; 0 is the start that was given, the others are in the order of their
 * first loss.
 */
places: Slice, 
/**
 * Loss where each began, over the span of the first stage; infinite where there was none.
 */
first: Slice, 
/**
 * Loss where each ended; infinite where there was none.
 */
losses: Slice, 
/**
 * Iterations of each.
 */
iterations: Slice, 
/**
 * Scalar parameters where each ended, row by row.
 */
parameters: Slice, };

/**
 * A state.
 */
export type StateView = { 
/**
 * Name.
 */
name: string, 
/**
 * Unit.
 */
unit: string | null, 
/**
 * Initial value at the default parameters.
 */
initial: number, 
/**
 * Plausible range.
 */
bounds: [number, number] | null, };

/**
 * A whole study. Everything but the data has a default.
 */
export type StudyFile = { 
/**
 * Path of the model file, relative to the study file. Absent inside a project.
 */
model: string | null, 
/**
 * Seed of every random number.
 */
seed: number, 
/**
 * Tables by name.
 */
data: { [key in string]: DataSource }, 
/**
 * Experiments. Without any, each table is one experiment.
 */
experiment: Array<ExperimentFile>, 
/**
 * Solver.
 */
solver: SolverFile, 
/**
 * Training.
 */
training: TrainingFile, 
/**
 * Forecast.
 */
forecast: ForecastFile, };

/**
 * Something wrong or doubtful in the study.
 */
export type StudyProblem = { 
/**
 * How bad.
 */
severity: SeverityView, 
/**
 * Where, e.g. `data.pelts.columns`.
 */
place: string, 
/**
 * What and what to do.
 */
message: string, };

/**
 * What the study amounts to.
 */
export type StudyReport = { 
/**
 * It can be trained.
 */
ok: boolean, 
/**
 * Errors and warnings, each a sentence that names the place and what to do.
 */
problems: Array<StudyProblem>, 
/**
 * Experiments with their points.
 */
experiments: Array<ExperimentView>, 
/**
 * Stages the recipe will run.
 */
stages: Array<StageView>, 
/**
 * Why these, one sentence.
 */
recipe_reason: string, 
/**
 * Solver that will be used and why, one sentence.
 */
solver_reason: string, };

/**
 * What was read, and why it was read like that.
 */
export type TablePreview = { 
/**
 * Suggested name of the table.
 */
name: string, 
/**
 * Columns.
 */
columns: Array<PreviewColumn>, 
/**
 * Number of rows.
 */
row_count: number, 
/**
 * First rows as text, as in the file.
 */
head: Array<Array<string>>, 
/**
 * One sentence per decision, e.g. "tab-separated: every line has 2 tabs".
 */
reasons: Array<string>, 
/**
 * One sentence per thing to look at, e.g. "3 empty cells in `lynx` are left out".
 */
warnings: Array<string>, 
/**
 * Sheets of a workbook.
 */
sheets: Array<string>, 
/**
 * Suggested time column.
 */
time: string | null, };

/**
 * A stored table.
 */
export type TableView = { 
/**
 * Name.
 */
name: string, 
/**
 * Where it came from.
 */
source: string, 
/**
 * Columns.
 */
columns: Array<PreviewColumn>, 
/**
 * Rows.
 */
row_count: number, };

/**
 * One output over the values of one input.
 */
export type TermCurve = { 
/**
 * The output at the fit.
 */
value: Slice, 
/**
 * 5 % and 95 % quantiles where draws of the weights are known.
 */
band: [Slice, Slice] | null, };

/**
 * How far a term is asked from what it has seen, along an experiment and its forecast.
 */
export type TermDistance = { 
/**
 * Experiment.
 */
experiment: string, 
/**
 * Time of the last point that was trained on.
 */
trained_until: number, 
/**
 * Times,
 */
times: Slice, 
/**
 * and distances there, in parts of the visited range.
 */
values: Slice, 
/**
 * What they mean for the forecast; none without a forecast.
 */
sentence: string | null, };

/**
 * A formula for an output of a learned term, and how well it describes what that gives where it was
 * trained.
 */
export type TermFormula = { 
/**
 * It, with its constants as numbers.
 */
text: string, 
/**
 * Constants, inputs and functions in it.
 */
complexity: number, 
/**
 * Root mean square of what it misses, over the standard deviation of the output.
 */
error: number, 
/**
 * The same on blocks of samples that its coefficients were not fitted to.
 */
validated: number, 
/**
 * The best trade of error for complexity.
 */
recommended: boolean, };

/**
 * An input of a learned term, with what the term gives as it varies.
 */
export type TermInputView = { 
/**
 * The quantity.
 */
name: string, 
/**
 * Least and greatest value while the fit was trained.
 */
range: [number, number], 
/**
 * Value at which the other curves hold it.
 */
held: number, 
/**
 * Values that were visited while training, thinned where there were very many.
 */
visited: Slice, 
/**
 * Values of this input,
 */
at: Slice, 
/**
 * each output there,
 */
curves: Array<TermCurve>, 
/**
 * and how far the nearest visited inputs are, in parts of the visited range.
 */
distance: Slice, };

/**
 * A network and what it takes and gives.
 */
export type TermView = { 
/**
 * Name of the network.
 */
name: string, 
/**
 * Names of its outputs.
 */
outputs: Array<string>, 
/**
 * Its inputs: the first sixteen where there are more.
 */
inputs: Array<TermInputView>, 
/**
 * How far it is asked from what it has seen, experiment by experiment.
 */
distances: Array<TermDistance>, 
/**
 * For each output formulas, simple ones first; none where they were not asked for.
 */
formulas: Array<Array<TermFormula>>, };

/**
 * What networks have learned.
 */
export type TermsReply = { 
/**
 * Run of the project that was asked.
 */
run: RunSummary | null, 
/**
 * Name of the time.
 */
time: string, 
/**
 * One for each network that is applied somewhere.
 */
terms: Array<TermView>, 
/**
 * Distance up to which inputs count as seen, in parts of the visited range.
 */
near: number, 
/**
 * What the bands are made of; none without bands.
 */
spread: string | null, 
/**
 * What could not be followed, in sentences.
 */
notes: Array<string>, };

/**
 * Asks what the networks of a fit have learned.
 */
export type TermsRequest = { 
/**
 * Path of `study.toml`, which is trained first;
 */
study: string | null, 
/**
 * or of a project file; the open project when both are absent.
 */
project: string | null, 
/**
 * Run id or number; default the newest that has parameters.
 */
run: string | null, 
/**
 * Values at which inputs are held while another one varies, by name; by default the medians of
 * what was visited.
 */
held: { [key in string]: number }, 
/**
 * Points of each curve; default 81.
 */
points: number | null, 
/**
 * End of the forecast; default the study's.
 */
until: number | null, 
/**
 * Draws from the normal distribution around the fit, for a band where the project has none.
 */
spread: number | null, 
/**
 * Seed of these draws; default the study's.
 */
seed: number | null, 
/**
 * Look for formulas as well.
 */
formulas: boolean, };

/**
 * A text.
 */
export type TextReply = { 
/**
 * The text.
 */
text: string, };

/**
 * Time of a model.
 */
export type TimeView = { 
/**
 * Name.
 */
name: string, 
/**
 * Unit.
 */
unit: string | null, 
/**
 * Default start.
 */
start: number, };

/**
 * Starts training the open project, or goes on with an interrupted run.
 */
export type TrainRequest = { 
/**
 * Go on with this run from its last checkpoint.
 */
resume: string | null, 
/**
 * Start from the parameters of this run instead of the model's values.
 */
from_run: string | null, };

/**
 * Training settings.
 */
export type TrainingFile = { 
/**
 * `default` chooses stages from the model and the data; `custom` takes `stages`.
 */
recipe: string, 
/**
 * Where training begins: `given`, at the start values; `changes`, where the equations have the
 * changes of the smoothed data, if the loss is lower there; `segments`, where segments of the
 * span that have initial states of their own join, likewise; `auto`, as the recipe chooses (at
 * the start values with `custom`).
 */
start: string, 
/**
 * `auto`, or a method of docs/reference/gradients.md such as `discrete`, `forward`, `gauss`.
 */
gradient: string, 
/**
 * What one gradient may hold in memory where it has a choice: `64 MB`, `1.5 GB`, `256 MiB`.
 */
memory: string, 
/**
 * What computes gradients before the stage that finishes: `auto`, `cpu`, `gpu`, or a part of the name of a
 * graphics card.
 */
device: string, 
/**
 * Compare the gradient with differences of the loss before the first iteration.
 */
check: boolean, 
/**
 * Upper bound of all iterations together; the recipe's own when absent.
 */
iterations: number | null, 
/**
 * Weight of the sum of squares of network weights.
 */
l2: number, 
/**
 * Iterations without a better hold-out that end the training; the fit is then the one with the best
 * hold-out. 0 for none.
 */
patience: number, 
/**
 * Trainings from so many places, of which the best counts; 1 begins at the start alone.
 */
starts: number, 
/**
 * Parameters without bounds and without a prior begin between their start divided by this and
 * times this.
 */
starts_factor: number, 
/**
 * Stages in order, for `recipe = "custom"`.
 */
stages: Array<StageFile>, };

/**
 * Trusts a plugin as it was shown: refused when its files are others by now.
 */
export type TrustRequest = { 
/**
 * Id.
 */
id: string, 
/**
 * Version.
 */
version: string, 
/**
 * Hash of the manifest that was shown.
 */
manifest: string, 
/**
 * Hash of the library that was shown.
 */
library: string, };

/**
 * Where an observation lies.
 */
export type UncertainBand = { 
/**
 * Experiment.
 */
experiment: string, 
/**
 * Observation.
 */
observation: string, 
/**
 * Times.
 */
times: Slice, 
/**
 * 5 %, 25 %, 50 %, 75 % and 95 % quantiles of the model's value at these.
 */
value: [Slice, Slice, Slice, Slice, Slice], 
/**
 * 5 % and 95 % quantiles of a measurement: the model's value with the scatter of its noise
 * model. Absent where the method gives none.
 */
measured: [Slice, Slice] | null, };

/**
 * How well a parameter is known.
 */
export type UncertainParameter = { 
/**
 * Name.
 */
name: string, 
/**
 * Unit.
 */
unit: string | null, 
/**
 * Value of the fit.
 */
fitted: number | null, 
/**
 * Mean.
 */
mean: number | null, 
/**
 * Standard deviation.
 */
sd: number | null, 
/**
 * 5 %, 25 %, 50 %, 75 % and 95 % quantiles.
 */
quantiles: [number | null, number | null, number | null, number | null, number | null], 
/**
 * How well the chains agree, when there are some.
 */
chains: ChainDiagnostics | null, };

/**
 * Refits of all other parameters along one.
 */
export type UncertainProfile = { 
/**
 * Parameter.
 */
name: string, 
/**
 * Its values, ascending.
 */
values: Slice, 
/**
 * Rise of twice the loss over the fit at each; 3.84 bounds the 95 % interval.
 */
rises: Slice, 
/**
 * The 95 % interval, where both ends were found.
 */
interval: [number, number] | null, 
/**
 * What the profile says of the parameter.
 */
verdict: string, };

/**
 * Names a stored answer.
 */
export type UncertaintyChoice = { 
/**
 * Its id.
 */
id: string, };

/**
 * The stored answers about a run, newest first.
 */
export type UncertaintyList = { 
/**
 * They.
 */
answers: Array<UncertaintySummary>, };

/**
 * Asks how sure a run of the open project is. What is absent has its usual value.
 */
export type UncertaintyRequest = { 
/**
 * Run id.
 */
run: string, 
/**
 * How: `nuts`, draws from the posterior, when absent; `laplace`, the normal distribution around
 * the fit; `bootstrap`, fits to data drawn from the noise models; `profile`, refits along each
 * parameter; `ensemble`, trainings from other starts.
 */
method: string | null, 
/**
 * Chains.
 */
chains: number | null, 
/**
 * Draws of each chain that it learns from and that are thrown away.
 */
warmup: number | null, 
/**
 * Draws of each chain that are kept; draws or fits in all with the other methods.
 */
draws: number | null, 
/**
 * Seed; that of the study when absent.
 */
seed: number | null, 
/**
 * Times of the bands of each experiment.
 */
points: number | null, };

/**
 * What a method found. This is also the form in which a project file keeps it.
 */
export type UncertaintyResult = { 
/**
 * What was done, for people: e.g. "Draws from the posterior (NUTS)".
 */
title: string, 
/**
 * Settings and costs: name and value.
 */
settings: Array<[string, string]>, 
/**
 * One entry per scalar parameter.
 */
parameters: Array<UncertainParameter>, 
/**
 * Observations over the data and the forecast.
 */
bands: Array<UncertainBand>, 
/**
 * Draws, when the method makes some.
 */
draws: KeptDraws | null, 
/**
 * Some draws of everything, weights of networks too, where the model has networks.
 */
whole: KeptDraws | null, 
/**
 * What lies in the middle of the normal distribution that these are of, where they are of one.
 */
centre: Slice | null, 
/**
 * How often measurements lie in their band.
 */
coverage: Array<Coverage>, 
/**
 * Refits along each parameter, when the method makes some; then there are no bands.
 */
profiles: Array<UncertainProfile>, 
/**
 * What speaks against trusting the answer.
 */
warnings: Array<string>, 
/**
 * Name of the time.
 */
time: string, 
/**
 * Seconds it took.
 */
seconds: number, 
/**
 * Stopped before its end; what there was by then is kept.
 */
cancelled: boolean, };

/**
 * A stored answer in a line.
 */
export type UncertaintySummary = { 
/**
 * Its id.
 */
id: string, 
/**
 * Run it is about.
 */
run: string, 
/**
 * Method, e.g. `nuts`.
 */
method: string, 
/**
 * When it was made, milliseconds since 1970 UTC.
 */
made_ms: number, };

/**
 * A stored answer in full.
 */
export type UncertaintyView = { 
/**
 * Id, run and method.
 */
summary: UncertaintySummary, 
/**
 * What it says.
 */
result: UncertaintyResult, };

/**
 * Takes the trust in all versions of a plugin back.
 */
export type UntrustRequest = { 
/**
 * Id.
 */
id: string, };

/**
 * Result of checking a project file.
 */
export type VerifyReply = { 
/**
 * Nothing is wrong.
 */
ok: boolean, 
/**
 * Checks made: name and result.
 */
checks: Array<[string, string]>, };

/** Request and reply of every command. */
export type Commands = {
  app_info: { request: Empty; reply: AppInfo };
  model_check: { request: ModelText; reply: ModelReport };
  model_dump: { request: ModelText; reply: TextReply };
  simulate: { request: SimulateRequest; reply: Simulation };
  scan: { request: ScanRequest; reply: Scan };
  scan_overview: { request: ScanRequest; reply: ScanOverview };
  scan_save: { request: PathRequest; reply: PathRequest };
  scan_stop: { request: Empty; reply: Empty };
  simulate_stop: { request: Empty; reply: Empty };
  devices: { request: Empty; reply: DevicesView };
  data_preview: { request: PreviewRequest; reply: TablePreview };
  project_new: { request: Empty; reply: ProjectView };
  project_example: { request: ExampleRequest; reply: ProjectView };
  project_open: { request: PathRequest; reply: ProjectView };
  project_view: { request: Empty; reply: ProjectView };
  project_save_as: { request: PathRequest; reply: ProjectView };
  project_close: { request: Empty; reply: Empty };
  project_edit: { request: Edit; reply: ProjectView };
  project_undo: { request: Empty; reply: ProjectView };
  project_redo: { request: Empty; reply: ProjectView };
  train: { request: TrainRequest; reply: RunSummary };
  job: { request: JobRequest; reply: Empty };
  run_view: { request: RunRequest; reply: RunView };
  fit: { request: FitRequest; reply: FitReply };
  forecast: { request: ForecastRequest; reply: ForecastReply };
  gradient: { request: GradientRequest; reply: GradientReply };
  sample: { request: SampleRequest; reply: SampleReply };
  uncertainty: { request: UncertaintyRequest; reply: UncertaintyView };
  uncertainty_list: { request: RunRequest; reply: UncertaintyList };
  uncertainty_view: { request: UncertaintyChoice; reply: UncertaintyView };
  uncertainty_delete: { request: UncertaintyChoice; reply: UncertaintyList };
  assess: { request: AssessRequest; reply: AssessReply };
  terms: { request: TermsRequest; reply: TermsReply };
  replace_terms: { request: ReplaceRequest; reply: ReplaceReply };
  compare_runs: { request: CompareRequest; reply: CompareReply };
  project_info: { request: PathRequest; reply: ProjectInfo };
  project_verify: { request: PathRequest; reply: VerifyReply };
  report: { request: ReportRequest; reply: PathRequest };
  plugin_list: { request: Empty; reply: PluginList };
  plugin_trust: { request: TrustRequest; reply: PluginList };
  plugin_untrust: { request: UntrustRequest; reply: PluginList };
  plugin_enable: { request: EnableRequest; reply: PluginList };
};
