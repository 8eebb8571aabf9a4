//! How to snapshot-test one's own derivations with insta: the tests below are the whole of it.
//!
//! Run them with `cargo test --example snapshot`.

use lossform::{Error, Loss};

/// A loss that is being developed.
const LOSS: &str = "loss asymmetric(z in logit, y in {0,1}; gamma in [0,inf) = 4) =
    if y == 1 then softplus(-z) else sigmoid(z)^gamma*softplus(z)";

fn main() -> Result<(), Error> {
    println!("{}", Loss::parse(LOSS)?.gradient("z")?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_of_the_asymmetric_loss() -> Result<(), Error> {
        let gradient = Loss::parse(LOSS)?.gradient("z")?;
        insta::assert_snapshot!(gradient, @r"
        if y == 1 then p - 1 else p^gamma*(gamma*softplus(z)*(1 - p) + p)
          where p = sigmoid(z)
        ");
        Ok(())
    }

    #[test]
    fn gradient_is_right() -> Result<(), Error> {
        let check = Loss::parse(LOSS)?.check_gradient("z")?;
        assert!(check.disagreement.is_none());
        Ok(())
    }
}
