//! The `lossform` command.

fn main() -> std::process::ExitCode {
    lossform::cli::run()
}
