//! The commands and their options.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Derives, prints, checks and evaluates machine-learning losses written as formulas.
#[derive(Parser)]
#[command(name = "lossform", version, about, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// A file of losses, beside the built-in ones; may be repeated.
    #[arg(short, long, global = true, value_name = "FILE.loss")]
    pub file: Vec<PathBuf>,
    /// When to colour messages.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: Colour,
}

/// When to colour.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the losses, a line each.
    List(ListOptions),
    /// Show a loss: signature, documentation, formula.
    Show(ShowOptions),
    /// Derive the gradient or the Hessian of a loss.
    Grad(GradOptions),
    /// Evaluate a loss, its gradients and Hessian diagonals on data.
    Eval(EvalOptions),
    /// Check the derived gradient against finite differences in extended precision.
    Check(CheckOptions),
    /// Are two losses the same?
    Equiv(EquivOptions),
    /// Report numerical and domain hazards.
    Lint(LintOptions),
    /// Time the derivation or the evaluation of a loss.
    Bench(BenchOptions),
    /// Format files of losses.
    Fmt(FmtOptions),
    /// List the rewrite rules with their documentation.
    Rules {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the elementary functions with derivative and kink convention.
    Functions {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Which loss, and what is known of it.
#[derive(Args)]
pub(super) struct LossArguments {
    /// The name of a loss, a formula, or `-` for a formula on standard input.
    #[arg(value_name = "LOSS", allow_hyphen_values = true)]
    pub loss: String,
    /// What to assume of an input, such as 'p in (0,1)'; may be repeated.
    #[arg(long, value_name = "DECLARATION")]
    pub assume: Vec<String>,
    /// Replace a hyperparameter by a number, such as gamma=2; may be repeated.
    #[arg(long, value_name = "NAME=NUMBER", value_delimiter = ',', allow_hyphen_values = true)]
    pub set: Vec<String>,
}

/// What becomes of the batch.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Reduction {
    /// The mean over the batch.
    Mean,
    /// The sum over the batch.
    Sum,
    /// One value for each element of the batch.
    None,
}

/// How a formula is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// In the language.
    Text,
    /// With Greek letters and superscripts.
    Unicode,
    /// As papers set it.
    Latex,
    /// For Graphviz.
    Dot,
    /// All of them, with the number of operations.
    Json,
}

#[derive(Args)]
pub(super) struct ListOptions {
    /// Only the losses of one family.
    #[arg(long)]
    pub family: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(super) struct ShowOptions {
    #[command(flatten)]
    pub loss: LossArguments,
    /// The format of the formula.
    #[arg(long = "as", value_enum, default_value = "text")]
    pub format: Format,
    /// Show the form that is evaluated, and the rewrites that made it accurate.
    #[arg(long)]
    pub stable: bool,
    /// With --stable: the inputs whose gradients are shown as well.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", requires = "stable")]
    pub grad: Vec<String>,
    /// With --stable: the inputs whose diagonal of the Hessian is shown as well.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", requires = "stable")]
    pub hess_diag: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(super) struct GradOptions {
    #[command(flatten)]
    pub loss: LossArguments,
    /// With respect to which inputs; every real-valued one unless given.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub wrt: Vec<String>,
    /// 1 for the gradient, 2 for the Hessian.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub order: u8,
    /// With `--order 2`: only the diagonal.
    #[arg(long)]
    pub diagonal: bool,
    /// A formula for each value of a finite-set input.
    #[arg(long, value_name = "NAME")]
    pub cases: Option<String>,
    /// Print every rule that was used.
    #[arg(long)]
    pub steps: bool,
    /// Print the derivative as the sweep gives it.
    #[arg(long)]
    pub no_simplify: bool,
    /// What becomes of the batch: of the mean, the gradient is divided by the size of the batch.
    #[arg(long, value_enum, default_value = "none")]
    pub reduction: Reduction,
    /// The format.
    #[arg(long = "as", value_enum, default_value = "text")]
    pub format: Format,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The floating-point type.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Precision {
    /// Single.
    F32,
    /// Double.
    F64,
}

#[derive(Args)]
pub(super) struct EvalOptions {
    #[command(flatten)]
    pub loss: LossArguments,
    /// The data: .json, .csv, .npy or .npz; `-` is JSON on standard input.
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    pub data: String,
    /// The inputs whose gradients are wanted.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub grad: Vec<String>,
    /// The inputs whose diagonal of the Hessian is wanted.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub hess_diag: Vec<String>,
    /// What becomes of the batch.
    #[arg(long, value_enum, default_value = "none")]
    pub reduction: Reduction,
    /// The floating-point type.
    #[arg(long, value_enum, default_value = "f64")]
    pub precision: Precision,
    /// How many threads to use. Results do not depend on it.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Gibibytes that intermediate results may use.
    #[arg(long, default_value_t = 4.0)]
    pub max_memory: f64,
    /// Explain where a result that is not finite comes from.
    #[arg(long)]
    pub explain_nan: bool,
    /// Write the result to a file: .json, or .npz with `value`, `grad_NAME`, `hess_diag_NAME`.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(super) struct CheckOptions {
    #[command(flatten)]
    pub loss: LossArguments,
    /// Your own derivative, to be compared.
    #[arg(long, value_name = "FORMULA", allow_hyphen_values = true)]
    pub my: Option<String>,
    /// With respect to which inputs; every real-valued one unless given.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub wrt: Vec<String>,
    /// With `--my`: 2 for the second derivative.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub order: u8,
    /// With `--my` and `--order 2`: only the diagonal.
    #[arg(long)]
    pub diagonal: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(super) struct EquivOptions {
    /// The first loss: a name, a formula, or `-` for a formula on standard input.
    #[arg(allow_hyphen_values = true)]
    pub a: String,
    /// The second.
    #[arg(allow_hyphen_values = true)]
    pub b: String,
    /// What to assume, such as 'p in (0,1)', 'gamma == 0', or 'delta == beta' for hyperparameters that are one;
    /// may be repeated.
    #[arg(long, value_name = "ASSUMPTION", allow_hyphen_values = true)]
    pub assume: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(super) struct LintOptions {
    #[command(flatten)]
    pub loss: LossArguments,
    /// Exit with 1 where a hazard is found.
    #[arg(long)]
    pub deny: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(super) struct BenchOptions {
    #[command(flatten)]
    pub loss: LossArguments,
    /// Time parsing, lowering, differentiating, simplifying and printing.
    #[arg(long)]
    pub symbolic: bool,
    /// With respect to which inputs.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub wrt: Vec<String>,
    /// The data.
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    pub data: Option<String>,
    /// The inputs whose gradients are wanted.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub grad: Vec<String>,
    /// What becomes of the batch.
    #[arg(long, value_enum, default_value = "mean")]
    pub reduction: Reduction,
    /// The floating-point type.
    #[arg(long, value_enum, default_value = "f64")]
    pub precision: Precision,
    /// How many threads to use.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// How many times to measure.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(super) struct FmtOptions {
    /// The files; `-` formats standard input to standard output.
    #[arg(required = true, allow_hyphen_values = true)]
    pub files: Vec<PathBuf>,
    /// Change nothing; exit with 1 where a file is not formatted.
    #[arg(long)]
    pub check: bool,
}
