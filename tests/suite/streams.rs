//! Data files in parts: the same numbers whatever the format, results that do not show where a part ends, memory that
//! does not grow with the file.

use crate::commands::{Ran, run_in};
use crate::points::Draw;
use lossform::{Loss, Reduction, Request};
use ndarray::{ArrayD, IxDyn};
use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lossform-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run_in(&self.0, arguments, b"")
    }

    #[track_caller]
    fn out(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
        ran.out
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.out(&[arguments, &["--json"]].concat())).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What stands before the elements in a file of `numpy.save`.
fn header(descr: &str, is_fortran: bool, shape: &[usize]) -> Vec<u8> {
    let order = if is_fortran { "True" } else { "False" };
    let lengths: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({lengths}), }}");
    let padding = 63 - (10 + text.len()) % 64;
    let text = format!("{text}{}\n", " ".repeat(padding));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes
}

/// A file of `numpy.save` with the elements of an array, written by `put`.
fn npy(descr: &str, is_fortran: bool, array: &ArrayD<f64>, put: &dyn Fn(f64, &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = header(descr, is_fortran, array.shape());
    let view = if is_fortran { array.view().reversed_axes() } else { array.view() };
    view.iter().for_each(|v| put(*v, &mut bytes));
    bytes
}

fn doubles(array: &ArrayD<f64>) -> Vec<u8> {
    npy("<f8", false, array, &|v, out| out.extend(v.to_le_bytes()))
}

/// Numbers in [-2, 2) with few digits: the same in single precision, and in whole numbers if `is_whole`.
fn sample(shape: &[usize], is_whole: bool) -> ArrayD<f64> {
    let mut draw = Draw(5);
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        let value = draw.below(4096) as f64 / 1024.0 - 2.0;
        if is_whole { value.floor() } else { value }
    })
}

fn evaluate(loss: &Loss, request: Request, x: &ArrayD<f64>) -> lossform::Evaluation<f64> {
    let inputs = BTreeMap::from([("x".to_owned(), x.clone())]);
    loss.evaluator::<f64>(&request).unwrap().evaluate(&inputs, &BTreeMap::new()).unwrap()
}

#[test]
fn arrays_of_every_type_and_order_are_read() {
    let folder = Folder::new("types");
    for shape in [&[3][..], &[2, 5, 3], &[2, 2, 2, 3], &[2, 0, 3]] {
        let (fraction, whole) = (sample(shape, false), sample(shape, true));
        let zero_or_one = whole.mapv(|v| f64::from(u8::from(v > 0.0)));
        let positive = whole.mapv(f64::abs);
        macro_rules! files {
            ($($descr:literal, $type:ty, $array:expr;)*) => {
                [$(
                    (concat!("<", $descr), $array, Box::new(|v: f64, out: &mut Vec<u8>| out.extend((v as $type).to_le_bytes())) as Box<dyn Fn(f64, &mut Vec<u8>)>),
                    (concat!(">", $descr), $array, Box::new(|v: f64, out: &mut Vec<u8>| out.extend((v as $type).to_be_bytes()))),
                )*]
            };
        }
        let files = files! {
            "f8", f64, &fraction; "f4", f32, &fraction; "i8", i64, &whole; "i4", i32, &whole; "i2", i16, &whole;
            "i1", i8, &whole; "u8", u64, &positive; "u4", u32, &positive; "u2", u16, &positive; "u1", u8, &positive;
            "b1", u8, &zero_or_one;
        };
        for (descr, array, put) in &files {
            let text = format!(r#"{{"inputs": {{"x": {}}}}}"#, nested(array));
            folder.write("x.json", text);
            for is_fortran in [false, true] {
                folder.write("x.npy", npy(descr, is_fortran, array, put));
                let precision = if is_fortran { "f32" } else { "f64" };
                let of = |file: &str| {
                    let formula = match shape.len() {
                        3 => "loss f(x[j,k]) = sum[j,k]((k + 7*j)*x + x^2)",
                        _ => "loss f(x[k]) = sum[k](k*x + x^2)",
                    };
                    folder.out(&["eval", formula, "--data", file, "--grad", "x", "--precision", precision])
                };
                let (a, b) = (of("x.npy"), of("x.json"));
                // What JSON cannot say: how long the axes are behind one without elements.
                if !array.is_empty() {
                    assert_eq!(a, b, "{descr} {shape:?} fortran: {is_fortran}");
                }
                assert!(!a.contains("nan"), "{a}");
            }
        }
    }
}

/// As JSON.
fn nested(array: &ArrayD<f64>) -> serde_json::Value {
    if array.ndim() == 0 {
        return array.first().copied().into();
    }
    array.outer_iter().map(|part| nested(&part.to_owned())).collect()
}

/// Elements of a part, as `src/cli/data/parts.rs` has it.
const PART: usize = 1 << 22;

/// The length of an axis, so that a part has few rows.
const WIDTH: usize = 512;

#[test]
fn results_do_not_show_where_parts_end() {
    let folder = Folder::new("ends");
    let rows = (PART + PART / 2) / WIDTH + 3;
    let array = sample(&[rows, WIDTH], false);
    folder.write("x.npy", doubles(&array));
    let text = "loss f(x[k]; s = 3) = sum[k](s*x^2 + k*x)";
    let loss = Loss::parse(text).unwrap();
    let request = |reduction| Request { gradients: vec!["x".into()], reduction, ..Request::default() };
    let whole = evaluate(&loss, request(Reduction::None), &array);
    folder.out(&["eval", text, "--data", "x.npy", "--grad", "x", "-o", "out.npz"]);
    // What was written reads back, and is the same to the bit.
    let same = "loss same(value, grad_x[k]) = value + sum[k](k*grad_x)";
    folder.out(&["eval", same, "--data", "out.npz", "-o", "same.json"]);
    let got: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.0.join("same.json")).unwrap()).unwrap();
    let got = got["value"].as_array().unwrap();
    assert_eq!(got.len(), rows);
    for (at, got) in got.iter().enumerate() {
        let gradient = whole.gradients["x"].index_axis(ndarray::Axis(0), at);
        let gradient: f64 = gradient.iter().zip(0..).map(|(g, k)| g * f64::from(k)).sum();
        let wanted = whole.value[at] + gradient;
        assert_eq!(got.as_f64(), Some(wanted), "row {at}");
    }
    // Sums over the batch round once for each part. These are of multiples of 2^-20, so they are exact.
    let exact: f64 = whole.value.iter().sum();
    for threads in ["1", "2"] {
        let sum = folder.json(&["eval", text, "--data", "x.npy", "--reduction", "sum", "--threads", threads]);
        assert_eq!(sum["value"].as_f64(), Some(exact));
        let mean =
            folder.json(&["eval", text, "--data", "x.npy", "--reduction", "mean", "--threads", threads]);
        assert_eq!(mean["value"].as_f64(), Some(exact / rows as f64));
    }
    // The gradient of what the batch shares is the sum over all parts.
    let shared = "loss f(x[k], w[k]) = sum[k](w*x)";
    let mut archive = zip::ZipWriter::new(std::fs::File::create(folder.0.join("shared.npz")).unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, array) in [("x", &array), ("w", &sample(&[WIDTH], false))] {
        archive.start_file(format!("{name}.npy"), stored).unwrap();
        archive.write_all(&doubles(array)).unwrap();
    }
    archive.finish().unwrap();
    let gradient =
        folder.json(&["eval", shared, "--data", "shared.npz", "--grad", "w", "--reduction", "mean"]);
    for k in [0, 1, WIDTH - 1] {
        let mean = array.column(k).sum() / rows as f64;
        assert_eq!(gradient["grads"]["w"][k].as_f64(), Some(mean));
    }
}

/// Behind a page that a mapped file fills there is no memory: what reads further than the elements dies.
#[test]
fn nothing_is_read_behind_the_end_of_a_file() {
    let folder = Folder::new("pages");
    for (descr, size) in [("<f8", 8), ("<f4", 4)] {
        for (width, formula) in [
            (1, "loss f(x[k]) = exp(x[0]) + x[0]^2"),
            (1, "loss f(x) = if x > 0 then log(x) else 0"),
            (4, "loss f(x[k]) = sum[k](|x[k+1] - x[k]|)"),
            (4, "loss f(x[k]) = logsumexp[k](x) + x[3]"),
            (16, "loss f(x[i]) = sum[i](sum[u in 0..3](x[i+u])^2)"),
            (16, "loss f(x[k]) = max[k](x) - norm[k](x)"),
        ] {
            for pages in [1, 3] {
                let count = (pages * 4096 - 128) / size;
                let shape = [count / width, width];
                let mut bytes = header(descr, false, &shape);
                assert_eq!(bytes.len(), 128);
                bytes.resize(pages * 4096, 0);
                folder.write("x.npy", bytes);
                let precision = if size == 8 { "f64" } else { "f32" };
                for reduction in ["none", "mean"] {
                    let line = ["eval", formula, "--data", "x.npy", "--precision", precision];
                    folder.out(&[&line[..], &["--reduction", reduction, "--grad", "x"]].concat());
                }
            }
        }
    }
}

trait Columns {
    fn column(&self, at: usize) -> ndarray::ArrayView1<'_, f64>;
}

impl Columns for ArrayD<f64> {
    fn column(&self, at: usize) -> ndarray::ArrayView1<'_, f64> {
        self.index_axis(ndarray::Axis(1), at).into_dimensionality().unwrap()
    }
}

#[test]
fn places_are_those_in_the_whole_batch() {
    let folder = Folder::new("places");
    let (outer, inner) = (2, PART / WIDTH / 2 + 7);
    let mut array = ArrayD::from_elem(IxDyn(&[outer, inner, WIDTH]), 1.0 / WIDTH as f64);
    array[[1, inner - 2, 1]] = -1.0;
    folder.write("x.npy", doubles(&array));
    let place = format!("[1,{},1]", inner - 2);
    let ran = folder.run(&["eval", "loss f(x[k] in (0,1)) = sum[k](x)", "--data", "x.npy"]);
    assert_eq!((ran.code, ran.out.as_str()), (4, ""));
    assert!(ran.err.contains(&format!("`x` must lie in (0,1), but element {place} is -1")), "{}", ran.err);
    let explained = folder.json(&[
        "eval",
        "loss f(x[k]) = sum[k](log(x))",
        "--data",
        "x.npy",
        "--reduction",
        "sum",
        "--explain-nan",
    ]);
    assert_eq!(explained["explanation"]["batch"], serde_json::json!([1, inner - 2]));
    assert_eq!(explained["explanation"]["indices"], serde_json::json!({"k": 1}));
    array[[1, inner - 2, 1]] = 0.25 + 1.0 / WIDTH as f64;
    folder.write("x.npy", doubles(&array));
    let ran = folder.run(&["eval", "loss f(x[k] in simplex) = sum[k](x)", "--data", "x.npy"]);
    let place = format!("at [1,{}] it sums to 1.25", inner - 2);
    assert!(ran.err.contains(&place), "{}", ran.err);
    array[[1, inner - 2, 1]] = 2.0;
    folder.write("x.npy", doubles(&array));
    let ran =
        folder.run(&["eval", "loss f(x[k]) = max[k : x[k] > x[0] - 1 and x[1] < 2](x)", "--data", "x.npy"]);
    assert_eq!(ran.code, 4);
    let place = format!("`max` is taken over nothing, at batch element [1,{}]", inner - 2);
    assert!(ran.err.contains(&place), "{}", ran.err);
}

/// A table of so many rows, `x` counting from 0, `y` from 1.
fn table(path: &Path, rows: usize) {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    writeln!(out, "x,y").unwrap();
    (0..rows).for_each(|row| writeln!(out, "{row},{}", row + 1).unwrap());
    out.flush().unwrap();
}

#[test]
fn long_tables_are_read_row_by_row() {
    let folder = Folder::new("table");
    let rows = 1_000_000;
    table(&folder.0.join("t.csv"), rows);
    let sum = folder.json(&["eval", "(y - x)*x", "--data", "t.csv", "--reduction", "sum", "--grad", "y"]);
    assert_eq!(sum["value"].as_f64(), Some((rows * (rows - 1) / 2) as f64));
    let gradient = sum["grads"]["y"].as_array().unwrap();
    assert!(gradient.iter().enumerate().all(|(row, v)| v.as_f64() == Some(row as f64)));
    assert_eq!(gradient.len(), rows);
    // A fault in a late row has its line.
    let mut file = std::fs::OpenOptions::new().append(true).open(folder.0.join("t.csv")).unwrap();
    writeln!(file, "1,2,3").unwrap();
    let ran = folder.run(&["eval", "x - y", "--data", "t.csv", "--reduction", "sum"]);
    assert_eq!((ran.code, ran.out.as_str()), (4, ""));
    assert!(ran.err.contains("line: 1000002"), "{}", ran.err);
    // One line without an end is refused before it fills the memory.
    folder.write("long.csv", [&b"x\n\""[..], &vec![b'1'; (64 << 20) + 100_000]].concat());
    let ran = folder.run(&["eval", "x", "--data", "long.csv"]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(ran.err.contains("row-too-large"), "{}", ran.err);
}

/// Runs with so little address space that what is not bounded fails.
#[cfg(target_os = "linux")]
fn within(folder: &Path, mebibytes: usize, arguments: &[&str]) -> Ran {
    let script = format!("ulimit -v {} && exec \"$0\" \"$@\"", mebibytes << 10);
    let output = std::process::Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_lossform")])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// An array of zeros that takes no room on the disk.
fn sparse(path: &Path, descr: &str, is_fortran: bool, shape: &[usize], size: usize) {
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(&header(descr, is_fortran, shape)).unwrap();
    let length = file.seek(SeekFrom::End(0)).unwrap() + (shape.iter().product::<usize>() * size) as u64;
    file.set_len(length).unwrap();
}

/// Address space, in MiB, that is enough whatever the length of the data.
#[cfg(target_os = "linux")]
const ENOUGH: usize = 192;

/// The sum of 1 for each row of zeros, and the gradient for the input that all rows share.
#[cfg(target_os = "linux")]
#[track_caller]
fn check_bounded(file: &str, descr: &str, is_fortran: bool, shape: &[usize], size: usize) {
    let folder = Folder::new(&format!("sparse-{}", descr.trim_start_matches('<')));
    sparse(&folder.0.join(file), descr, is_fortran, shape, size);
    let formula = "loss f(x[k]) = exp(sum[k](x))";
    let arguments = ["eval", formula, "--data", file, "--reduction", "sum"];
    let ran = within(&folder.0, ENOUGH, &arguments);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out, format!("value = {}.0\n", shape[0]));
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_file() {
    // More than twice the memory that there is.
    check_bounded("x.npy", "<f8", false, &[1 << 20, 64], 8);
    // Converted, and read against the order of the file.
    check_bounded("x.npy", "<f4", true, &[1 << 20, 1 << 7], 4);
}

#[test]
#[ignore = "some minutes: 16 GB of zeros, and a table of 400 MB"]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_large_files() {
    check_bounded("x.npy", "<f8", false, &[1 << 27, 16], 8);
    let folder = Folder::new("large");
    let rows = 25_000_000;
    table(&folder.0.join("t.csv"), rows);
    let arguments = ["eval", "(y - x)*x", "--data", "t.csv", "--reduction", "sum"];
    let ran = within(&folder.0, ENOUGH, &arguments);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, format!("value = {:?}\n", (rows * (rows - 1) / 2) as f64));
    // Results for each row, which are more than memory, wait in a file.
    let arguments = ["eval", "(y - x)*x", "--data", "t.csv", "--grad", "x,y", "-o", "out.npz"];
    let ran = within(&folder.0, ENOUGH, &arguments);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let arguments = ["eval", "value + grad_x + grad_y", "--data", "out.npz", "--reduction", "sum"];
    let ran = within(&folder.0, ENOUGH, &arguments);
    // With y = x + 1 the value is x, the gradients are 1 - x and x.
    assert_eq!(ran.out, format!("value = {:?}\n", (rows * (rows - 1) / 2 + rows) as f64), "{}", ran.err);
}

#[test]
fn results_without_elements_are_nested_as_they_should() {
    let folder = Folder::new("empty");
    let empty = |shape: &[usize]| doubles(&ArrayD::zeros(IxDyn(shape)));
    folder.write("x.npy", empty(&[2, 0]));
    let formula = "loss f(x[k]) = sum[k](x)";
    assert_eq!(
        folder.out(&["eval", formula, "--data", "x.npy", "--grad", "x"]),
        "value = [0.0,0.0]\ngrad x = [[],[]]\n"
    );
    folder.write("x.npy", empty(&[0, 3]));
    assert_eq!(folder.out(&["eval", formula, "--data", "x.npy", "--grad", "x"]), "value = []\ngrad x = []\n");
    folder.write("t.csv", "x,y\n");
    let of = |reduction| folder.out(&["eval", "x*y", "--data", "t.csv", "--reduction", reduction]);
    assert_eq!([of("none"), of("sum"), of("mean")], ["value = []\n", "value = 0.0\n", "value = \"nan\"\n"]);
    folder.out(&["eval", "x*y", "--data", "t.csv", "--grad", "x", "-o", "out.npz"]);
    assert_eq!(folder.out(&["eval", "value*grad_x", "--data", "out.npz"]), "value = []\n");
}

#[test]
fn files_that_are_wrong_have_their_message() {
    let folder = Folder::new("wrong");
    let whole = doubles(&sample(&[4, 3], false));
    let claims = |descr: &str, shape: &[usize]| [header(descr, false, shape), vec![0; 96]].concat();
    let text = |text: &str| {
        [b"\x93NUMPY\x01\x00", (text.len() as u16).to_le_bytes().as_slice(), text.as_bytes()].concat()
    };
    for (name, bytes, code) in [
        ("cut off", whole[..whole.len() - 8].to_vec(), "truncated-file"),
        ("cut off within the header", whole[..50].to_vec(), "malformed-npy"),
        ("nothing", Vec::new(), "malformed-npy"),
        ("only the magic", whole[..6].to_vec(), "malformed-npy"),
        ("something else", b"PK\x03\x04".to_vec(), "malformed-npy"),
        ("too long", [&whole[..], &[0; 8]].concat(), "malformed-npy"),
        ("claims much", claims("<f8", &[1 << 50, 3]), "truncated-file"),
        ("claims more than can be counted", claims("<f8", &[1 << 62, 1 << 62]), "truncated-file"),
        (
            "claims nothing of more than can be counted",
            claims("<f8", &[0, 1 << 62, 1 << 62]),
            "truncated-file",
        ),
        ("claims many axes", claims("<f8", &[1; 65]), "malformed-npy"),
        ("complex numbers", claims("<c16", &[2, 3]), "malformed-npy"),
        ("objects", claims("|O", &[2, 3]), "malformed-npy"),
        (
            "fields",
            text("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,), }"),
            "malformed-npy",
        ),
        ("nested", text(&"(".repeat(60_000)), "malformed-npy"),
        ("unfinished", text("{'descr': '<f8', 'fortran_order': False, 'shape': (3"), "malformed-npy"),
        ("without a shape", text("{'descr': '<f8', 'fortran_order': False}"), "malformed-npy"),
        ("negative", text("{'descr': '<f8', 'fortran_order': False, 'shape': (-3,)}"), "malformed-npy"),
        ("a long header", [b"\x93NUMPY\x02\x00".as_slice(), &[0xff; 8]].concat(), "malformed-npy"),
        ("another version", b"\x93NUMPY\x09\x00\x08\x00        ".to_vec(), "malformed-npy"),
    ] {
        folder.write("x.npy", bytes);
        let ran = folder.run(&["eval", "loss f(x[k]) = sum[k](x)", "--data", "x.npy"]);
        assert_eq!((ran.code, ran.out.as_str()), (4, ""), "{name}: {}", ran.err);
        assert!(ran.err.starts_with(&format!("error[{code}]: `x.npy` ")), "{name}: {}", ran.err);
    }
    std::fs::create_dir(folder.0.join("folder.npy")).unwrap();
    let ran = folder.run(&["eval", "x", "--data", "folder.npy"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    // An archive whose members are not what they say.
    let mut archive = zip::ZipWriter::new(std::fs::File::create(folder.0.join("x.npz")).unwrap());
    for (name, method) in
        [("good", zip::CompressionMethod::Deflated), ("bad", zip::CompressionMethod::Stored)]
    {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(&whole[..whole.len() - usize::from(name == "bad")]).unwrap();
    }
    archive.finish().unwrap();
    let ran = folder.run(&["eval", "good + bad", "--data", "x.npz"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.starts_with("error[truncated-file]: `x.npz`, array `bad` is too short"), "{}", ran.err);
}
