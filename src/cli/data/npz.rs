//! Archives of arrays, as `numpy.savez` writes them.

use super::npy::Stored;
use super::{Array, Arrays, fault, open_file, unreadable};
use crate::cli::plain_error;
use crate::diagnostic::Error;
use std::io::{BufReader, Read, Seek};
use std::sync::Arc;
use zip::{CompressionMethod, ZipArchive};

/// Where the bytes of a member are: in the archive, or decompressed in a file of their own.
struct Member {
    name: String,
    file: Arc<std::fs::File>,
    start: u64,
    length: u64,
}

/// The arrays of an archive. Those that are stored as they are stay where they are; compressed ones are decompressed to
/// temporary files without a name.
pub(super) fn open(path: &str) -> Result<Arrays, Error> {
    let mut archive =
        ZipArchive::new(BufReader::new(open_file(path)?)).map_err(|error| unreadable(path, &error))?;
    // A file of its own, whose position the reader of the archive does not know of.
    let file = Arc::new(open_file(path)?);
    let mut arrays = Arrays::default();
    for at in 0..archive.len() {
        let member = member(&mut archive, at, &file).map_err(|error| unreadable(path, &error))?;
        let what = format!("{path}`, array `{}", member.name);
        let stored = Stored::open(member.file, &what, member.start, member.length)?;
        if arrays.inputs.insert(member.name, Array::Stored(stored)).is_some() {
            return Err(plain_error(fault("two-arrays", format!("`{what}` is there twice"))));
        }
    }
    Ok(arrays)
}

fn member<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    at: usize,
    file: &Arc<std::fs::File>,
) -> Result<Member, String> {
    let mut entry = archive.by_index(at).map_err(|error| error.to_string())?;
    let name = entry.name().strip_suffix(".npy").unwrap_or(entry.name()).to_owned();
    let length = entry.size();
    if entry.compression() == CompressionMethod::Stored {
        return Ok(Member { name, file: file.clone(), start: entry.data_start(), length });
    }
    let failed = |error: std::io::Error| format!("array `{name}` cannot be decompressed: {error}");
    let mut plain = tempfile::tempfile().map_err(failed)?;
    // One byte more than there should be, so that what is too long shows.
    let count =
        std::io::copy(&mut (&mut entry).take(length.saturating_add(1)), &mut plain).map_err(failed)?;
    if count != length {
        return Err(format!("array `{name}` has not the length that the archive says"));
    }
    Ok(Member { name, file: Arc::new(plain), start: 0, length })
}
