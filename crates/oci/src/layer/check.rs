//! Is this layer what it claims to be, and harmless?

use std::io::Read;

use super::entries::{Bounded, Kind, Limits, walk};
use super::{Compression, Layer, Unpacker};
use crate::{DigestReader, Error, Result};

/// What was found in a layer that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedLayer {
    /// Digests and size, computed from the bytes that were read.
    pub layer: Layer,
    /// Files, folders and links in it.
    pub entries: u64,
    /// Bytes of the files in it.
    pub content: u64,
}

impl CheckedLayer {
    /// Compares with what the sender said about the layer.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with the first digest that differs.
    pub fn expect(&self, claimed: &Layer) -> Result<()> {
        for (expected, found) in [(claimed.digest, self.layer.digest), (claimed.diff_id, self.layer.diff_id)] {
            if expected != found {
                return Err(Error::Mismatch { expected, found });
            }
        }
        Ok(())
    }
}

/// Reads a packed layer to its end, without trusting any of it.
///
/// Refuses paths that leave the root, that are there twice or that lie below a link; devices, sparse files, extended
/// attributes, whiteouts; setuid and setgid; more than `limits`; and anything after the end of archive or compression,
/// where another reader might see another layer. To keep the bytes, give a reader that copies what passes; use
/// them only when this returns `Ok`.
pub fn check_layer(packed: impl Read, compression: Compression, limits: &Limits) -> Result<CheckedLayer> {
    let packed = DigestReader::new(Bounded::packed(packed, limits));
    let unpacked = Bounded::unpacked(Unpacker::new(packed, compression), limits);
    let mut content = 0;
    let (archive, entries) = walk(DigestReader::new(unpacked), limits, |entry, _| {
        if entry.mode & 0o6000 != 0 && !matches!(entry.kind, Kind::Directory) {
            return Err(Error::Entry { path: entry.path.to_string(), problem: "is setuid or setgid" });
        }
        content += entry.size;
        Ok(())
    })?;
    let (unpacked, diff_id, _) = archive.finish();
    let (_, digest, size) = unpacked.into_inner().finish()?.finish();
    Ok(CheckedLayer { layer: Layer { digest, diff_id, size, compression }, entries, content })
}
