//! The command line as a user sees it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a command printed, and its exit code.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `lossform` in a folder.
pub fn run_in(folder: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lossform"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that does not read its input closes it, which is not an error here.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs `lossform` with arguments and standard input.
pub fn run(arguments: &[&str], input: &str) -> Ran {
    run_in(&std::env::temp_dir(), arguments, input.as_bytes())
}

#[track_caller]
fn succeeds(arguments: &[&str], input: &str) -> String {
    let ran = run(arguments, input);
    assert_eq!(ran.code, 0, "{arguments:?}\n{}", ran.err);
    assert_eq!(ran.err, "", "{arguments:?}");
    ran.out
}

fn json(arguments: &[&str], input: &str) -> serde_json::Value {
    serde_json::from_str(&succeeds(arguments, input)).unwrap()
}

#[test]
fn reference_commands() {
    for arguments in
        [&["list"][..], &["functions"], &["rules"], &["list", "--family", "metric"], &["show", "huber"]]
    {
        insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots/commands"}, {
            insta::assert_snapshot!(arguments.join("_"), succeeds(arguments, ""));
        });
    }
    assert!(succeeds(&["completions", "bash"], "").contains("lossform"));
    assert_eq!(json(&["list", "--json"], "").as_array().unwrap().len(), 42);
    assert!(json(&["rules", "--json"], "").as_array().unwrap().len() > 20);
    assert!(json(&["functions", "--json"], "").as_array().unwrap().len() > 25);
}

#[test]
fn gradients_in_every_format() {
    assert_eq!(succeeds(&["grad", "bce_with_logits", "--wrt", "z"], ""), "d/dz = sigmoid(z) - y\n");
    assert_eq!(
        succeeds(&["grad", "bce_with_logits", "--wrt", "z", "--as", "unicode"], ""),
        "d/dz = σ(z) − y\n"
    );
    assert_eq!(succeeds(&["grad", "mse", "--wrt", "x", "--as", "latex"], ""), "2 \\, (x - y)\n");
    assert!(succeeds(&["grad", "mse", "--wrt", "x", "--as", "dot"], "").starts_with("digraph"));
    assert_eq!(succeeds(&["grad", "-", "--wrt", "p"], "-y*log(p)"), "d/dp = -y/p\n");
    let gradient = json(&["grad", "cross_entropy", "--wrt", "z", "--json"], "");
    assert_eq!(gradient["loss"], "cross_entropy");
    assert_eq!(gradient["order"], 1);
    let entry = &gradient["gradients"][0];
    assert_eq!(entry["wrt"], "z");
    assert_eq!(entry["indices"], serde_json::json!(["c"]));
    assert_eq!(entry["text"], "softmax[c](z) - y");
    assert_eq!(entry["operations"], 2);
    assert_eq!(entry["assumes"], serde_json::json!(["sum[c](y) = 1"]));
    let hessian = json(&["grad", "cross_entropy", "--wrt", "z", "--order", "2", "--json"], "");
    assert_eq!(hessian["gradients"][0]["indices"], serde_json::json!(["c", "d"]));
    assert_eq!(hessian["gradients"][0]["wrt2"], "z");
    assert_eq!(hessian["gradients"][0]["text"], "p[c]*([c == d] - p[d])");
    assert_eq!(hessian["gradients"][0]["where"][0]["name"], "p");
}

#[test]
fn options_of_grad() {
    assert_eq!(succeeds(&["grad", "focal", "--cases", "y", "--set", "gamma=0"], "").lines().count(), 4);
    assert_eq!(
        succeeds(&["grad", "(x - y)^2", "--wrt", "x", "--reduction", "mean"], ""),
        "d/dx = 2*(x - y)/N\n"
    );
    assert_eq!(
        succeeds(&["grad", "y*log(p)", "--wrt", "y", "--assume", "p in (0,1)", "--assume", "y in [0,1]"], ""),
        "d/dy = log(p)\n"
    );
    let raw = succeeds(&["grad", "bce_with_logits", "--wrt", "z", "--no-simplify"], "");
    assert!(raw.len() > 40, "{raw}");
}

#[test]
fn evaluation() {
    let data = r#"{"inputs": {"p": [0.5, 0.25], "y": [1, 0]}, "params": {"gamma": 0}}"#;
    let result = json(&["eval", "focal", "--data", "-", "--grad", "p", "--hess-diag", "p", "--json"], data);
    assert_eq!(result["loss"], "focal");
    let value = result["value"][0].as_f64().unwrap();
    assert!((value - 0.25 * 2f64.ln()).abs() < 1e-16);
    assert_eq!(result["grads"]["p"], serde_json::json!([-0.5, 1.0]));
    assert_eq!(result["hess_diag"]["p"][0], 1.0);
    let threads = |n| succeeds(&["eval", "focal", "--data", "-", "--grad", "p", "--threads", n], data);
    assert_eq!(threads("1"), threads("2"));
    let infinite = json(&["eval", "1/x", "--data", "-", "--json"], r#"{"inputs": {"x": [0, 4]}}"#);
    assert_eq!(infinite["value"], serde_json::json!(["inf", 0.25]));
    let single =
        json(&["eval", "x/3", "--data", "-", "--precision", "f32", "--json"], r#"{"inputs": {"x": 1}}"#);
    assert_eq!(single["value"].to_string(), "0.33333334");
    let summed = json(
        &["eval", "x^2", "--data", "-", "--reduction", "sum", "--json"],
        r#"{"inputs": {"x": [1, 2, 3]}}"#,
    );
    assert_eq!(summed["value"], 14.0);
}

#[test]
fn data_files() {
    let folder = std::env::temp_dir().join(format!("lossform-data-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("scalars.csv"), "p,y\n0.5,1\n0.25,0\n").unwrap();
    std::fs::write(folder.join("vectors.csv"), "x[0],x[1],y[0],y[1]\n3,0,0,4\n").unwrap();
    std::fs::write(folder.join("mine.loss"), "## Mine.\nloss mine(x) = x^2\n").unwrap();
    let out = |arguments: &[&str]| {
        let ran = run_in(&folder, arguments, b"");
        assert_eq!(ran.code, 0, "{arguments:?} {}", ran.err);
        ran.out
    };
    assert_eq!(
        out(&["eval", "bce", "--data", "scalars.csv"]).lines().next(),
        Some("value = [0.6931471805599453,0.2876820724517809]")
    );
    assert_eq!(out(&["eval", "l2", "--data", "vectors.csv"]), "value = [5.0]\n");
    // What is written as .npz reads back.
    out(&["eval", "bce", "--data", "scalars.csv", "--grad", "p", "-o", "result.npz"]);
    let archive = out(&["eval", "value + grad_p", "--data", "result.npz"]);
    assert!(archive.starts_with("value = [-1.30685281944005"), "{archive}");
    assert_eq!(out(&["-f", "mine.loss", "grad", "mine"]), "d/dx = 2*x\n");
    assert!(out(&["list", "-f", "mine.loss"]).contains("Mine."));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn formatting() {
    let formatted =
        succeeds(&["fmt", "-"], "#  a note\n##  Doc.\nloss  f( x,y;a = 1)=a*( x-y )^2  where\n b=2\n");
    assert_eq!(formatted, "#  a note\n##  Doc.\nloss f(x, y; a = 1) =\n    a*(x - y)^2\n  where b = 2\n");
    assert_eq!(succeeds(&["fmt", "-"], &formatted), formatted);
}

#[test]
fn check_finds_agreement() {
    let report = json(&["check", "focal", "--json"], "");
    assert_eq!(report["agrees"], true);
    assert!(report["checks"][0]["points"].as_u64().unwrap() >= 10);
}

#[test]
fn output_is_the_same_every_time() {
    for arguments in [
        &["grad", "conv_perceptual"][..],
        &["grad", "focal_multiclass", "--order", "2"],
        &["show", "ghm_r", "--as", "dot"],
    ] {
        assert_eq!(succeeds(arguments, ""), succeeds(arguments, ""), "{arguments:?}");
    }
}

#[test]
fn stable_forms() {
    let out = succeeds(&["show", "softmax_loss", "--stable", "--grad", "z"], "");
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots/commands"}, {
        insta::assert_snapshot!("show_stable", out);
    });
    let out = json(&["show", "-log(1/(1+exp(-z)))", "--stable", "--grad", "z", "--json"], "");
    assert_eq!(out["value"], "softplus(-z)");
    assert_eq!(out["grads"]["z"], "-sigmoid(-z)");
    let names: Vec<_> = out["rewrites"].as_array().unwrap().iter().map(|r| &r["name"]).collect();
    assert_eq!(names, ["sigmoid_complement", "softplus_from_log"]);
    assert_eq!(run(&["show", "bce", "--grad", "p"], "").code, 2, "--grad is for --stable");
}

/// What `eval --explain-nan` says.
#[track_caller]
fn check_explained(loss: &str, data: &str, more: &[&str], explained: &str) {
    let arguments = [&["eval", loss, "--data", "-", "--explain-nan"], more].concat();
    let out = succeeds(&arguments, data);
    assert!(out.ends_with(explained), "{out}");
}

#[test]
fn results_that_are_not_finite_are_explained() {
    check_explained(
        "log(p) + p",
        r#"{"inputs": {"p": [1, 0]}}"#,
        &[],
        "value is not finite at batch element [1]\n  first in log(p)\n  which is -inf: the logarithm of 0\n",
    );
    check_explained("log(p)", r#"{"inputs": {"p": 0.5}}"#, &[], "all results are finite\n");
    check_explained(
        "l2",
        r#"{"inputs": {"x": [[1, "nan"]], "y": [[0, 0]]}}"#,
        &["--grad", "x"],
        "value is not finite at batch element [0], k = 1\n  first in x\n  which is nan: the input `x` is NaN in the data\n",
    );
    check_explained(
        "x/y",
        r#"{"inputs": {"x": 1, "y": 0}}"#,
        &[],
        "value is not finite\n  first in x/y\n  which is inf: a division by 0\n",
    );
    check_explained(
        "exp(x)",
        r#"{"inputs": {"x": [1, 89]}}"#,
        &["--precision", "f32"],
        "value is not finite at batch element [1]\n  first in exp(x)\n  which is inf: exp(89): it exceeds the range of the precision\n",
    );
    check_explained(
        "sqrt(x)",
        r#"{"inputs": {"x": -2}}"#,
        &[],
        "value is not finite\n  first in sqrt(x)\n  which is nan: a power of -2, which is negative, to 0.5\n",
    );
    // What a branch that is not taken holds does not matter.
    check_explained(
        "if x > 0 then log(x) else 0",
        r#"{"inputs": {"x": [0, 1]}}"#,
        &["--grad", "x"],
        "all results are finite\n",
    );
    check_explained(
        "loss f(p[c]) = sum[c](log(p))",
        r#"{"inputs": {"p": [0.5, 0]}}"#,
        &["--grad", "p"],
        "value is not finite at c = 1\n  first in log(p)\n  which is -inf: the logarithm of 0\n",
    );
    let out = json(&["eval", "1/x", "--data", "-", "--explain-nan", "--json"], r#"{"inputs": {"x": 0}}"#);
    assert_eq!(out["explanation"]["reason"], "a division by 0");
    assert_eq!(out["explanation"]["output"], "value");
}

#[test]
fn comparisons_and_hazards() {
    let run_json = |arguments: &[&str], code: i32| -> serde_json::Value {
        let ran = run(arguments, "");
        assert_eq!(ran.code, code, "{arguments:?}\n{}", ran.err);
        serde_json::from_str(&ran.out).unwrap()
    };
    let equal = run_json(&["equiv", "bce_with_logits", "softplus(z) - y*z", "--json"], 0);
    assert_eq!(equal["verdict"], "equal");
    assert!(equal["steps"].as_array().is_some_and(|s| !s.is_empty()));
    assert_eq!(equal["counterexample"], serde_json::Value::Null);
    let scaled = run_json(&["equiv", "huber", "smooth_l1", "--json"], 0);
    assert_eq!(scaled["verdict"], "equal_up_to_factor");
    assert_eq!(scaled["factor"], "delta");
    let different = run_json(&["equiv", "l1", "mse", "--json"], 1);
    assert_eq!(different["verdict"], "different");
    assert!(different["counterexample"]["inputs"]["x"].is_number());
    let right = run_json(&["check", "bce_with_logits", "--my", "sigmoid(z) - y", "--wrt", "z", "--json"], 0);
    assert_eq!(right["verdict"], "equal");
    assert_eq!(right["proof"], "symbolic");
    assert_eq!(right["diagnosis"], serde_json::Value::Null);
    let wrong = run_json(&["check", "bce_with_logits", "--my", "y - sigmoid(z)", "--wrt", "z", "--json"], 1);
    assert_eq!(wrong["verdict"], "different");
    assert!(wrong["diagnosis"].as_str().unwrap().starts_with("the sign is wrong"));
    assert_eq!(run(&["check", "bce_with_logits", "--my", "sigma(q)", "--wrt", "z"], "").code, 2);
    assert_eq!(run(&["check", "triplet", "--my", "1"], "").code, 2);
    let hazards = run_json(&["lint", "focal_with_logits", "--json"], 0);
    assert_eq!(hazards["findings"][0]["code"], "not-convex");
    run_json(&["lint", "focal_with_logits", "--deny", "--json"], 1);
    assert_eq!(run(&["lint", "mse", "--deny"], "").out, "mse: no hazards found\n");
}
