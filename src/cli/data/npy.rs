//! Arrays in files, in the format of `numpy.save`.
//!
//! Of the file only the part that is asked for is mapped, and only as long as it is looked at: neither memory nor the
//! address space grow with the file. Elements that are in the file as they are in memory are not copied. While a part
//! is mapped the file must stay as it is: one that another program shortens in that very moment ends this one (a bus
//! error); one that it shortens at another time is an error with a message.

use super::{AXES_LIMIT, fault, unreadable, volume};
use crate::cli::plain_error;
use crate::diagnostic::Error;
use crate::evaluate::Elements;
use crate::real::Real;
use crate::vector::Precision;
use memmap2::{Mmap, MmapOptions};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till};
use nom::character::complete::{char, multispace0, usize as whole_number};
use nom::combinator::{opt, value};
use nom::multi::separated_list0;
use nom::sequence::{delimited, separated_pair, terminated};
use nom::{IResult, Parser};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

/// The longest header.
const HEADER_LIMIT: usize = 1 << 16;

/// Bytes that are mapped at a time where elements are picked one by one.
const WINDOW: usize = 16 << 20;

/// The type of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Kind {
    F64,
    F32,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
}

/// A type whose elements in memory are those of a file.
pub(in crate::cli) trait Element: Precision + bytemuck::Pod {
    /// The type in the file.
    const KIND: Kind;
}

impl Element for f32 {
    const KIND: Kind = Kind::F32;
}

impl Element for f64 {
    const KIND: Kind = Kind::F64;
}

/// What the header says.
#[derive(Debug, PartialEq)]
struct Header {
    kind: Kind,
    is_big_endian: bool,
    /// Whether the first axis, not the last, is that of elements next to each other.
    is_fortran: bool,
    shape: Vec<usize>,
}

/// An array in a file.
pub(in crate::cli) struct Stored {
    file: Arc<File>,
    /// The file, and in an archive the array, for messages.
    name: String,
    header: Header,
    /// Where the elements begin.
    start: u64,
}

/// A part of a file, seen as elements.
struct View(Mmap);

impl<T: bytemuck::Pod> AsRef<[T]> for View {
    fn as_ref(&self) -> &[T] {
        bytemuck::cast_slice(&self.0)
    }
}

impl Stored {
    /// An array that is a file of its own.
    pub fn open_file(file: File, name: &str) -> Result<Self, Error> {
        let about = file.metadata().map_err(|error| unreadable(name, &error))?;
        if !about.is_file() {
            return Err(unreadable(name, &"it is not a regular file, of which parts can be read"));
        }
        Self::open(Arc::new(file), name, 0, about.len())
    }

    /// An array that is `length` bytes of a file from `start` on.
    pub fn open(file: Arc<File>, name: &str, start: u64, length: u64) -> Result<Self, Error> {
        let malformed = |message: String| plain_error(fault("malformed-npy", format!("`{name}` {message}")));
        let mut beginning = Vec::new();
        (&*file)
            .seek(SeekFrom::Start(start))
            .and_then(|_| (&*file).take(length.min(HEADER_LIMIT as u64 + 12)).read_to_end(&mut beginning))
            .map_err(|error| unreadable(name, &error))?;
        let (text, size) = header_text(&beginning).map_err(malformed)?;
        let header = Header::parse(text).map_err(malformed)?;
        let elements = volume(&header.shape).and_then(|v| v.checked_mul(header.kind.size()));
        // An archive may say that it holds more than there is.
        let there = file.metadata().map_err(|error| unreadable(name, &error))?.len();
        let held = length.min(there.saturating_sub(start)).saturating_sub(size as u64);
        if elements.map(|bytes| bytes as u64) != Some(held) {
            let (code, how) = match elements {
                Some(bytes) if (bytes as u64) < held => ("malformed-npy", "too long"),
                _ => ("truncated-file", "too short"),
            };
            return Err(plain_error(
                fault(
                    code,
                    format!(
                        "`{name}` is {how}: its header says shape {:?} of {} bytes each, but it holds {held} bytes",
                        header.shape,
                        header.kind.size()
                    ),
                )
                .help("was it copied or written to its end?"),
            ));
        }
        Ok(Stored { file, name: name.to_owned(), header, start: start + size as u64 })
    }

    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// The elements of some rows in row-major order, where the first `batch_axes` axes together number the rows.
    pub fn elements<T: Element>(&self, rows: Range<usize>, batch_axes: usize) -> Result<Elements<T>, Error> {
        let Header { kind, is_big_endian, is_fortran, shape } = &self.header;
        let row: usize = shape[batch_axes..].iter().product();
        if row == 0 || rows.is_empty() {
            return Ok(Elements::Owned(Vec::new()));
        }
        // An array of one axis is the same in either order.
        if *is_fortran && shape.iter().filter(|length| **length > 1).count() > 1 {
            let bytes = self.gather(rows, batch_axes)?;
            return Ok(Elements::Owned(kind.decode(&bytes, *is_big_endian)));
        }
        let map = self.map(rows.start * row, rows.len() * row)?;
        let is_native = *kind == T::KIND && *is_big_endian == cfg!(target_endian = "big");
        if is_native && bytemuck::try_cast_slice::<u8, T>(&map).is_ok() {
            return Ok(Elements::Shared(Arc::new(View(map))));
        }
        Ok(Elements::Owned(kind.decode(&map, *is_big_endian)))
    }

    /// Maps so many elements from the `first` in the file on.
    fn map(&self, first: usize, count: usize) -> Result<Mmap, Error> {
        let size = self.header.kind.size();
        let (offset, length) = (self.start + (first * size) as u64, count * size);
        let now = self.file.metadata().map_err(|error| unreadable(&self.name, &error))?.len();
        if now < offset + length as u64 {
            return Err(plain_error(
                fault("truncated-file", format!("`{}` became shorter while it was read", self.name))
                    .help("evaluate once whatever writes it is done"),
            ));
        }
        // SAFETY: the mapping is read only, and within the file. That nobody changes the file meanwhile cannot be made
        // sure of; the elements are numbers, of which any bits are valid.
        unsafe { MmapOptions::new().offset(offset).len(length).map(&*self.file) }
            .map_err(|error| unreadable(&self.name, &error))
    }

    /// The bytes of rows of an array whose first axis is that of elements next to each other, in row-major order. They
    /// are read in the order of the file.
    fn gather(&self, rows: Range<usize>, batch_axes: usize) -> Result<Vec<u8>, Error> {
        let (batch, own) = self.header.shape.split_at(batch_axes);
        let size = self.header.kind.size();
        let (batch_length, row): (usize, usize) = (batch.iter().product(), own.iter().product());
        let mut places: Vec<(usize, usize)> =
            rows.clone().map(|at| (transposed(at, batch), at - rows.start)).collect();
        places.sort_unstable();
        let reversed: Vec<usize> = own.iter().rev().copied().collect();
        let mut bytes = vec![0; rows.len() * row * size];
        let total = batch_length * row;
        let mut window = (0..0, None);
        for column in 0..row {
            // The column-th in the file is this one in row-major order.
            let at = transposed(column, &reversed);
            for (place, row_at) in &places {
                let from = column * batch_length + place;
                if !window.0.contains(&from) {
                    let range = from..total.min(from + WINDOW / size);
                    window = (range.clone(), Some(self.map(from, range.len())?));
                }
                if let (range, Some(map)) = &window {
                    let (from, to) = ((from - range.start) * size, (row_at * row + at) * size);
                    bytes[to..to + size].copy_from_slice(&map[from..from + size]);
                }
            }
        }
        Ok(bytes)
    }
}

/// The number of an element in the order in which the first axis runs fastest, given that in which the last does.
fn transposed(at: usize, shape: &[usize]) -> usize {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for length in shape {
        strides.push(stride);
        stride *= length;
    }
    let (mut rest, mut result) = (at, 0);
    for (length, stride) in shape.iter().zip(strides).rev() {
        result += rest % length * stride;
        rest /= length;
    }
    result
}

impl Kind {
    /// By the name that the header has for it, without the order of bytes.
    fn parse(name: &str) -> Option<Kind> {
        Some(match name {
            "f8" => Kind::F64,
            "f4" => Kind::F32,
            "i8" => Kind::I64,
            "i4" => Kind::I32,
            "i2" => Kind::I16,
            "i1" => Kind::I8,
            "u8" => Kind::U64,
            "u4" => Kind::U32,
            "u2" => Kind::U16,
            "u1" => Kind::U8,
            "b1" => Kind::Bool,
            _ => return None,
        })
    }

    /// Bytes of an element.
    fn size(self) -> usize {
        match self {
            Kind::F64 | Kind::I64 | Kind::U64 => 8,
            Kind::F32 | Kind::I32 | Kind::U32 => 4,
            Kind::I16 | Kind::U16 => 2,
            Kind::I8 | Kind::U8 | Kind::Bool => 1,
        }
    }

    /// Elements as numbers of another type.
    fn decode<T: Real>(self, bytes: &[u8], is_big_endian: bool) -> Vec<T> {
        macro_rules! decode {
            ($type:ty, $double:expr) => {{
                let elements = bytes.as_chunks::<{ size_of::<$type>() }>().0.iter();
                let double: fn($type) -> f64 = $double;
                if is_big_endian {
                    elements.map(|b| T::from_double(double(<$type>::from_be_bytes(*b)))).collect()
                } else {
                    elements.map(|b| T::from_double(double(<$type>::from_le_bytes(*b)))).collect()
                }
            }};
        }
        match self {
            Kind::F64 => decode!(f64, |v| v),
            Kind::F32 => decode!(f32, f64::from),
            Kind::I64 => decode!(i64, |v| v as f64),
            Kind::I32 => decode!(i32, f64::from),
            Kind::I16 => decode!(i16, f64::from),
            Kind::I8 => decode!(i8, f64::from),
            Kind::U64 => decode!(u64, |v| v as f64),
            Kind::U32 => decode!(u32, f64::from),
            Kind::U16 => decode!(u16, f64::from),
            Kind::U8 => decode!(u8, f64::from),
            Kind::Bool => decode!(u8, |v| f64::from(u8::from(v != 0))),
        }
    }
}

/// The text of the header, and how many bytes stand before the elements.
fn header_text(bytes: &[u8]) -> Result<(&str, usize), String> {
    let cut = || "ends within its header".to_owned();
    let Some(rest) = bytes.strip_prefix(b"\x93NUMPY") else {
        return Err("is not an .npy file: it does not begin with `\\x93NUMPY`".to_owned());
    };
    let (length, before) = match rest {
        [1, _, a, b, ..] => (u16::from_le_bytes([*a, *b]) as usize, 10),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 12),
        [1..=3, ..] | [] => return Err(cut()),
        [version, ..] => return Err(format!("is of version {version} of the format, which is not known")),
    };
    if length > HEADER_LIMIT {
        return Err(format!("has a header of {length} bytes, more than the {HEADER_LIMIT} that are read"));
    }
    let text = bytes.get(before..before + length).ok_or_else(cut)?;
    let text = std::str::from_utf8(text).map_err(|_| "has a header that is not text".to_owned())?;
    Ok((text, before + length))
}

/// A value in the header.
#[derive(Clone)]
enum Entry<'a> {
    Text(&'a str),
    Truth(bool),
    Lengths(Vec<usize>),
}

impl Header {
    /// Reads `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }`.
    fn parse(text: &str) -> Result<Header, String> {
        let Ok((_, entries)) = dictionary(text) else {
            return Err("has a header that is not that of an array of numbers".to_owned());
        };
        let find = |key: &str| entries.iter().rfind(|(name, _)| *name == key).map(|(_, value)| value);
        let (Some(Entry::Text(descr)), Some(Entry::Truth(is_fortran)), Some(Entry::Lengths(shape))) =
            (find("descr"), find("fortran_order"), find("shape"))
        else {
            return Err("has a header without `descr`, `fortran_order` and `shape`".to_owned());
        };
        let name = descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(descr);
        let Some(kind) = Kind::parse(name) else {
            return Err(format!(
                "has elements of type `{descr}`; read are f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 and b1"
            ));
        };
        if shape.len() > AXES_LIMIT {
            return Err(format!("has {} axes, more than {AXES_LIMIT}", shape.len()));
        }
        let is_big_endian = descr.starts_with('>') || cfg!(target_endian = "big") && !descr.starts_with('<');
        Ok(Header { kind, is_big_endian, is_fortran: *is_fortran, shape: shape.clone() })
    }
}

fn dictionary(input: &str) -> IResult<&str, Vec<(&str, Entry<'_>)>> {
    let entries = separated_list0(spaced(','), separated_pair(text, spaced(':'), entry));
    delimited(spaced('{'), terminated(entries, opt(spaced(','))), spaced('}')).parse(input)
}

fn entry(input: &str) -> IResult<&str, Entry<'_>> {
    // Python 2 wrote an L behind long numbers.
    let lengths = separated_list0(spaced(','), terminated(whole_number, opt(char('L'))));
    alt((
        text.map(Entry::Text),
        value(Entry::Truth(true), tag("True")),
        value(Entry::Truth(false), tag("False")),
        delimited(spaced('('), terminated(lengths, opt(spaced(','))), spaced(')')).map(Entry::Lengths),
    ))
    .parse(input)
}

fn text(input: &str) -> IResult<&str, &str> {
    let quoted = |mark| delimited(char(mark), take_till(move |c| c == mark), char(mark));
    alt((quoted('\''), quoted('"'))).parse(input)
}

fn spaced<'a>(mark: char) -> impl Parser<&'a str, Output = char, Error = nom::error::Error<&'a str>> {
    delimited(multispace0, char(mark), multispace0)
}
