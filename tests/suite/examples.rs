//! The examples' numbers against an independent computation.

use std::process::Command;

fn example(name: &str) -> String {
    let path =
        std::path::Path::new(env!("CARGO_BIN_EXE_lossform")).parent().unwrap().join("examples").join(name);
    let output = Command::new(&path).output().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn logistic_regression_agrees_with_numpy() {
    let reference: serde_json::Value =
        serde_json::from_str(include_str!("../reference/training.json")).unwrap();
    let printed = example("logistic_regression");
    let mut compared = 0;
    for line in printed.lines().skip(1) {
        let (name, numbers) = line.split_at(20);
        let found: Vec<f64> = numbers.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let expected = &reference[name.trim()];
        for (value, key) in
            found.iter().zip(["loss", "norm", "precision", "recall", "f1", "average_precision"])
        {
            assert!((value - expected[key].as_f64().unwrap()).abs() < 1e-6, "{name} {key}: {value}");
            compared += 1;
        }
    }
    assert_eq!(compared, 18);
}

#[test]
fn the_others_run() {
    assert!(example("custom_loss").contains("dL/dx = (x - y)/sqrt((x - y)^2 + eps^2)"));
    assert!(example("gradients").contains("softmax"));
    assert!(example("snapshot").contains("gamma"));
}

#[test]
fn claims_of_articles_are_derived_or_refuted() {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!("claims", example("claims"));
    });
}
