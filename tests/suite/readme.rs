//! The README shows what the commands really print.

use crate::commands::run;

/// Splits a command line as a shell does, for the quotes that the README uses.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut current, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut current)),
            c => current.push(c),
        }
    }
    words.push(current);
    words.retain(|w| !w.is_empty());
    words
}

#[test]
fn shown_output_is_real() {
    let readme = include_str!("../../README.md");
    let mut count = 0;
    for block in readme.split("```text\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let (command, expected) = block.split_once('\n').unwrap();
        let arguments = words(command.strip_prefix("$ lossform ").unwrap());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ran = run(&arguments, "");
        // A check that fails says so on standard output.
        let shown = if ran.code <= 1 { ran.out } else { ran.err };
        assert_eq!(shown.trim_end(), expected.trim_end(), "{command}");
        count += 1;
    }
    assert!(count >= 5);
}

#[test]
fn rust_in_the_readme_holds() -> Result<(), lossform::Error> {
    assert!(include_str!("../../README.md").contains("(x - y)^2"));
    assert_eq!(
        lossform::Loss::parse("loss square(x, y) = (x - y)^2")?.gradient("x")?.to_string(),
        "2*(x - y)"
    );
    let loss = lossform::Loss::parse("loss mine(z in logit, y in {0,1}) = softplus(z) - y*z")?;
    assert_eq!(loss.gradient("z")?.to_string(), "sigmoid(z) - y");
    Ok(())
}
