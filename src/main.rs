fn main() {
    let text = std::env::args().nth(1).unwrap();
    let loss = match lossform::Library::builtin().loss_with(&text, &[]) { Ok(l) => l, Err(e) => { eprintln!("{e}"); std::process::exit(2) } };
    println!("{}", lossform::print::text(&loss.document()));
    for w in loss.differentiable_inputs() {
        match loss.gradient(w) { Ok(d) => println!("d/d{w}: {d}   [{}]\n   {}\n   {}", d.operations(), d.unicode(), d.latex()), Err(e) => println!("{e}") }
    }
}
