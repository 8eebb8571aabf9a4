//! Wrong formulas, files and data: each has its message and exit code, and nothing crashes or hangs.

use crate::commands::{run, run_in};

/// Name, arguments, standard input.
const FAULTS: &[(&str, &[&str], &str)] = &[
    ("implicit multiplication", &["grad", "2x - y"], ""),
    ("implicit multiplication before a bracket", &["grad", "3(p - 1)"], ""),
    ("two brackets", &["grad", "(a)(b)"], ""),
    ("two names", &["grad", "x y"], ""),
    ("missing operand", &["grad", "1 + * 2"], ""),
    ("unfinished", &["grad", "x + "], ""),
    ("empty", &["grad", ""], ""),
    ("only a comment", &["grad", "# nothing"], ""),
    ("unclosed parenthesis", &["grad", "log(x + 1"], ""),
    ("unmatched bracket", &["grad", "x + 1)"], ""),
    ("unclosed bracket", &["grad", "x[c + 1"], ""),
    ("unclosed bar", &["grad", "|x - y"], ""),
    ("empty parentheses", &["grad", "x*()"], ""),
    ("empty call", &["grad", "log()"], ""),
    ("empty index", &["grad", "x[]"], ""),
    ("single equals", &["grad", "if y = 1 then p else q"], ""),
    ("single equals in a bracket", &["grad", "[y = 1]*p"], ""),
    ("chained comparison", &["grad", "if 0 < x < 1 then x else 0"], ""),
    ("ampersands", &["grad", "if a > 0 && b > 0 then a else b"], ""),
    ("if without else", &["grad", "if x > 0 then x"], ""),
    ("if without then", &["grad", "if x > 0 x else 0"], ""),
    ("ternary", &["grad", "x > 0 ? x : 0"], ""),
    ("percent", &["grad", "x % 2"], ""),
    ("matrix product", &["grad", "a @ b"], ""),
    ("LaTeX fraction", &["grad", "\\frac{1}{2}"], ""),
    ("LaTeX power", &["grad", "x^{2}"], ""),
    ("numpy", &["grad", "np.log(p)"], ""),
    ("lambda", &["grad", "lambda x: x^2"], ""),
    ("reserved word", &["grad", "where*2"], ""),
    ("reserved word as an input", &["grad", "f(if, y) = y"], ""),
    ("two decimal points", &["grad", "1.2.3*x"], ""),
    ("exponent without digits", &["grad", "1e*x"], ""),
    ("number too large", &["grad", "1e99999*x"], ""),
    ("constant too large", &["grad", "10^2000*10^2000*x"], ""),
    ("sum without parentheses", &["grad", "sum[c] x"], ""),
    ("sum without an index", &["grad", "sum(x)"], ""),
    ("unknown function", &["grad", "lgo(x)"], ""),
    ("unknown function sqtr", &["grad", "sqtr(x)"], ""),
    ("called input", &["grad", "loss f(x, y) = x(y + 1)"], ""),
    ("wrong number of arguments", &["grad", "log(x, y)"], ""),
    ("too few for max", &["grad", "max(x)"], ""),
    ("index for a function", &["grad", "log[c](x)"], ""),
    ("unknown name", &["grad", "loss f(alpha, y) = alhpa*y"], ""),
    ("missing index", &["grad", "loss f(z[c]) = z^2"], ""),
    ("too many indices", &["grad", "loss f(z[c]) = sum[c](z[c,c])"], ""),
    ("indexed scalar", &["grad", "loss f(x) = x[0]"], ""),
    ("axis mismatch", &["grad", "loss f(x[a], y[b]) = sum[i](x[i]*y[i])"], ""),
    ("unknown range", &["grad", "sum[u](3*u)"], ""),
    ("range from data", &["grad", "loss f(x, n in integer) = sum[u in 0..n](u*x)"], ""),
    ("index that is not whole", &["grad", "loss f(z[c], t) = z[t]"], ""),
    ("recursive where", &["grad", "a where a = b + 1, b = a + 1"], ""),
    ("recursive loss", &["-f", "recursive.loss", "grad", "f"], ""),
    ("condition as a loss", &["grad", "x > 0"], ""),
    ("condition as a number", &["grad", "loss f(x) = 2*(x > 0)"], ""),
    ("number as a condition", &["grad", "if x then 1 else 0"], ""),
    ("declared twice", &["grad", "loss f(x, x) = x"], ""),
    ("defined twice", &["grad", "a where a = 1, a = 2"], ""),
    ("unknown domain", &["grad", "loss f(y in simplx) = y"], ""),
    ("empty interval", &["grad", "loss f(y in (1,0)) = y"], ""),
    ("closed infinity", &["grad", "loss f(y in [0,inf]) = y"], ""),
    ("simplex of a scalar", &["grad", "loss f(y in simplex) = y"], ""),
    ("index without axis", &["grad", "loss f(t in index) = t"], ""),
    ("unknown axis", &["grad", "loss f(z[c], t in index[d]) = z[t]"], ""),
    ("default of an input", &["grad", "loss f(x = 1) = x"], ""),
    ("missing signature", &["grad", "loss f = x"], ""),
    ("missing equals", &["grad", "loss f(x) x"], ""),
    ("empty where", &["grad", "x where"], ""),
    ("division by zero", &["grad", "x/0"], ""),
    ("division by a power of zero", &["grad", "x + 0^(-1)"], ""),
    ("several mistakes", &["-f", "several.loss", "list"], ""),
    ("unknown loss", &["grad", "focla"], ""),
    ("unknown input", &["grad", "focal", "--wrt", "q"], ""),
    ("label", &["grad", "focal", "--wrt", "y"], ""),
    ("no real input", &["grad", "loss f(y in {0,1}) = y"], ""),
    ("unknown hyperparameter", &["grad", "focal", "--set", "gama=2"], ""),
    ("setting outside", &["grad", "focal", "--set", "alpha=2"], ""),
    ("malformed setting", &["grad", "focal", "--set", "alpha"], ""),
    ("cases of a real input", &["grad", "bce", "--cases", "p"], ""),
    ("assumption about nothing", &["grad", "x^2", "--assume", "q in (0,1)"], ""),
    ("unknown command", &["gradient", "focal"], ""),
    ("unknown family", &["list", "--family", "metrics"], ""),
    ("file that is not there", &["-f", "nowhere.loss", "list"], ""),
    ("file that is not text", &["-f", "binary.loss", "list"], ""),
    ("equiv: nothing in common", &["equiv", "mse", "(a - b)^2"], ""),
    ("equiv: axes that do not fit", &["equiv", "l2", "mse"], ""),
    ("equiv: labels that do not fit", &["equiv", "hinge", "loss f(f, y in {2,3}) = f*y"], ""),
    ("equiv: assumption about nothing", &["equiv", "mse", "l1", "--assume", "z in (0,1)"], ""),
    ("check: unknown name in a derivative", &["check", "focal", "--my", "gama*pt", "--wrt", "p"], ""),
    ("check: index in a derivative", &["check", "cross_entropy", "--my", "z[k]", "--wrt", "z"], ""),
    ("check: with respect to what", &["check", "triplet", "--my", "1"], ""),
    ("data: not JSON", &["eval", "bce", "--data", "-"], "{"),
    ("data: no object", &["eval", "bce", "--data", "-"], "[1, 2]"),
    ("data: inputs at the top", &["eval", "bce", "--data", "-"], r#"{"p": 0.5, "y": 1}"#),
    ("data: missing input", &["eval", "bce", "--data", "-"], r#"{"inputs": {"p": 0.5}}"#),
    ("data: unknown input", &["eval", "bce", "--data", "-"], r#"{"inputs": {"p": 0.5, "y": 1, "q": 1}}"#),
    ("data: ragged", &["eval", "bce", "--data", "-"], r#"{"inputs": {"p": [[0.5, 0.5], [0.5]], "y": 1}}"#),
    ("data: a word", &["eval", "bce", "--data", "-"], r#"{"inputs": {"p": "high", "y": 1}}"#),
    ("data: outside", &["eval", "bce", "--data", "-"], r#"{"inputs": {"p": [0.5, 1, 0.5], "y": 1}}"#),
    ("data: not a label", &["eval", "focal", "--data", "-"], r#"{"inputs": {"p": 0.5, "y": [0, 2]}}"#),
    (
        "data: not a simplex",
        &["eval", "kl", "--data", "-"],
        r#"{"inputs": {"p": [0.5, 0.5], "q": [0.5, 0.6]}}"#,
    ),
    ("data: index too large", &["eval", "nll", "--data", "-"], r#"{"inputs": {"logp": [-1, -2], "t": 2}}"#),
    ("data: NaN in an interval", &["eval", "bce", "--data", "-"], r#"{"inputs": {"p": "nan", "y": 1}}"#),
    ("data: axis lengths", &["eval", "l2", "--data", "-"], r#"{"inputs": {"x": [1, 2], "y": [1, 2, 3]}}"#),
    ("data: batch shapes", &["eval", "mse", "--data", "-"], r#"{"inputs": {"x": [1, 2], "y": [1, 2, 3]}}"#),
    ("data: too few axes", &["eval", "l2", "--data", "-"], r#"{"inputs": {"x": 1, "y": [1, 2]}}"#),
    (
        "data: array for a hyperparameter",
        &["eval", "focal", "--data", "-"],
        r#"{"inputs": {"p": 0.5, "y": 1, "gamma": [1, 2]}}"#,
    ),
    (
        "data: empty maximum",
        &["eval", "loss f(x[i]) = max[i : x[i] > 0](x)", "--data", "-"],
        r#"{"inputs": {"x": [-1, -2]}}"#,
    ),
    ("data: empty axis", &["eval", "loss f(x[i]) = mean[i](x)", "--data", "-"], r#"{"inputs": {"x": []}}"#),
    (
        "data: out of range",
        &["eval", "loss f(x[i], t in integer) = x[t]", "--data", "-"],
        r#"{"inputs": {"x": [1, 2], "t": 5}}"#,
    ),
    ("data: unknown format", &["eval", "bce", "--data", "data.xlsx"], ""),
    ("data: no such file", &["eval", "bce", "--data", "nowhere.json"], ""),
    ("data: words in a table", &["eval", "bce", "--data", "words.csv"], ""),
    ("data: gaps in a table", &["eval", "l2", "--data", "gaps.csv"], ""),
    ("data: a row too long", &["eval", "bce", "--data", "ragged.csv"], ""),
    ("data: no header", &["eval", "bce", "--data", "empty.csv"], ""),
    ("data: an array that is cut off", &["eval", "x^2", "--data", "cut.npy"], ""),
    ("data: an array of something else", &["eval", "x^2", "--data", "complex.npy"], ""),
    ("data: not an array", &["eval", "x^2", "--data", "broken.npy"], ""),
    ("data: one array for two inputs", &["eval", "bce", "--data", "cut.npy"], ""),
    ("data: not an archive", &["eval", "bce", "--data", "broken.npz"], ""),
    ("data: too much memory", &["eval", "ghm_c", "--data", "-", "--max-memory", "0.0001"], "generated"),
];

#[test]
fn every_fault_has_its_message() {
    let folder = std::env::temp_dir().join(format!("lossform-faults-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("recursive.loss"), "loss f(x) = g(x) + 1\nloss g(x) = f(x)\n").unwrap();
    std::fs::write(
        folder.join("several.loss"),
        "loss a(x) = 2x\n\nloss b(x) = (x + ]) + 1\n\nloss c(x) = r*s\n  where r = 3(x)\n        s = x y\n\nloss d(x) = x^2\n",
    )
    .unwrap();
    std::fs::write(folder.join("binary.loss"), [b'a', 0xff, 0xfe]).unwrap();
    std::fs::write(folder.join("words.csv"), "p,y\n0.5,1\nhigh,0\n").unwrap();
    std::fs::write(folder.join("gaps.csv"), "x[0],x[2],y[0],y[1]\n1,2,3,4\n").unwrap();
    std::fs::write(folder.join("broken.npz"), "PK nothing").unwrap();
    std::fs::write(folder.join("broken.npy"), "[1, 2]").unwrap();
    std::fs::write(folder.join("ragged.csv"), "p,y\n0.5,1\n0.25,0,1\n").unwrap();
    std::fs::write(folder.join("empty.csv"), "").unwrap();
    for (name, descr) in [("cut.npy", "<f8"), ("complex.npy", "<c16")] {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (3, 2), }}{}", " ".repeat(60));
        let bytes = [b"\x93NUMPY\x01\x00\x76\x00", &header.as_bytes()[..117], b"\n", &[0; 40]].concat();
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    let many: Vec<String> = (0..3000).map(|n| (f64::from(n) / 500.0 - 3.0).to_string()).collect();
    let generated =
        format!(r#"{{"inputs": {{"z": [{}], "y": [{}]}}}}"#, many.join(","), vec!["0"; 3000].join(","));
    let mut shown = String::new();
    for (name, arguments, input) in FAULTS {
        let input = if *input == "generated" { generated.as_str() } else { input };
        let ran = run_in(&folder, arguments, input.as_bytes());
        assert_ne!(ran.code, 0, "{name}: no fault\n{}", ran.out);
        assert_eq!(ran.out, "", "{name}: a result beside the fault");
        assert!(!ran.err.contains("panicked"), "{name}: {}", ran.err);
        let line: Vec<String> = arguments
            .iter()
            .map(|a| {
                if a.contains([' ', '*', '(', '|', '[']) || a.is_empty() {
                    format!("'{a}'")
                } else {
                    (*a).to_owned()
                }
            })
            .collect();
        shown.push_str(&format!(
            "# {name}: exit {}\n$ lossform {}\n{}\n\n",
            ran.code,
            line.join(" "),
            ran.err.trim_end()
        ));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(FAULTS.len() >= 60);
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!("faults", shown);
    });
}

#[test]
fn deep_and_long_input_is_answered() {
    let deep = 1_000_000;
    for (text, code) in [
        ("(".repeat(deep) + "x" + &")".repeat(deep), 5),
        ("-".repeat(deep) + "x", 5),
        ("[".repeat(deep), 5),
        ("|".repeat(deep), 5),
        ("if x > 0 then 1 else ".repeat(deep / 10) + "0", 5),
        ("exp(".repeat(deep / 4), 5),
        ("x^".repeat(deep / 2) + "x", 5),
        ("not ".repeat(deep / 4), 5),
        ("x + ".repeat(deep / 4) + "x", 0),
        ("x*".repeat(deep / 2) + "x", 0),
        ("√".repeat(deep / 3), 5),
        ("a".repeat(deep), 0),
    ] {
        let ran = run(&["grad", "-"], &text);
        assert_eq!(ran.code, code, "{}…: {}", &text[..12], &ran.err[..ran.err.len().min(300)]);
        assert!(ran.err.len() < 2000, "{}…: a message of {} bytes", &text[..12], ran.err.len());
    }
}

#[test]
fn random_bytes_never_crash() {
    let mut draw = crate::points::Draw(11);
    let pieces = [
        "x",
        "p",
        "sum[c](",
        "log(",
        ")",
        "(",
        "[",
        "]",
        "|",
        "^",
        "*",
        "+",
        "-",
        "/",
        " if ",
        " then ",
        " else ",
        "==",
        "<",
        "where ",
        " a = ",
        "loss f(",
        ";",
        " in ",
        "simplex",
        "{0,1}",
        "0.5",
        "1e9",
        "²",
        "σ",
        "∑",
        "√",
        "\\frac",
        "..",
        ",",
        ":",
        "\n",
        "#",
        "é",
        "'",
        "not ",
        " and ",
        "softmax[c](",
        "z[c]",
        "z[t]",
        "1/3",
    ];
    for _ in 0..3000 {
        let text: String = (0..1 + draw.below(14)).map(|_| pieces[draw.below(pieces.len())]).collect();
        let result = std::panic::catch_unwind(|| {
            let loss = lossform::Loss::parse(&text);
            if let Ok(loss) = &loss {
                for input in loss.differentiable_inputs() {
                    let _ =
                        loss.gradient(input).map(|g| g.to_string() + &g.latex() + &g.unicode() + &g.dot());
                }
            }
            loss.map(|_| ()).map_err(|e| e.to_string())
        });
        assert!(result.is_ok(), "crashed on {text:?}");
    }
}
