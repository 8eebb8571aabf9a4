//! The derived gradients and second derivatives of several built-in losses.

use lossform::{Error, Loss};

fn main() -> Result<(), Error> {
    for (name, input) in
        [("bce", "p"), ("bce_with_logits", "z"), ("cross_entropy", "z"), ("huber", "x"), ("js", "p")]
    {
        let loss = Loss::builtin(name)?;
        println!("{name}");
        println!("  d/d{input}  = {}", loss.gradient(input)?.unicode());
        println!("  d2/d{input}2 = {}", loss.hessian_diagonal(input)?.unicode());
    }
    assert_eq!(Loss::builtin("cross_entropy")?.gradient("z")?.to_string(), "softmax[c](z) - y");
    assert_eq!(Loss::builtin("bce_with_logits")?.gradient("z")?.to_string(), "sigmoid(z) - y");
    Ok(())
}
