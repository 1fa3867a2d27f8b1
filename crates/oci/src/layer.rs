//! Layers: file trees as tar archives (`layer.md`).

use std::io::{self, Read, Write};

use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use oci_spec::image::{Descriptor, MediaType};

use crate::{Digest, Error, Result};

pub(crate) mod check;
pub(crate) mod entries;
pub(crate) mod path;
pub(crate) mod tree;
pub(crate) mod unpack;
pub(crate) mod writer;

/// How the archive of a layer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// A plain archive, `application/vnd.oci.image.layer.v1.tar`: right where the registry is on the same node, since
    /// hashing alone is much faster than compressing.
    None,
    /// Gzip at a level that never changes, `application/vnd.oci.image.layer.v1.tar+gzip`: right where layers travel.
    Gzip,
}

/// Level 1: most of the gain for a fraction of the time. A constant, because the level decides the digest.
const GZIP_LEVEL: flate2::Compression = flate2::Compression::new(1);

impl Compression {
    /// The media type of a layer that is packed so.
    pub fn media_type(self) -> MediaType {
        match self {
            Self::None => MediaType::ImageLayer,
            Self::Gzip => MediaType::ImageLayerGzip,
        }
    }
}

impl TryFrom<&MediaType> for Compression {
    type Error = Error;

    fn try_from(media_type: &MediaType) -> Result<Self> {
        match media_type {
            MediaType::ImageLayer => Ok(Self::None),
            MediaType::ImageLayerGzip => Ok(Self::Gzip),
            other => Err(Error::MediaType(other.to_string())),
        }
    }
}

/// A layer's names and size: all that a manifest and a config say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    /// Digest of the blob as it is stored and sent.
    pub digest: Digest,
    /// Digest of the archive inside it (`config.md`, "Layer DiffID").
    pub diff_id: Digest,
    /// Size of the blob in bytes.
    pub size: u64,
    /// How the blob packs the archive.
    pub compression: Compression,
}

impl Layer {
    /// The entry of a manifest for this layer (`descriptor.md`).
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.compression.media_type(), self.size, self.digest)
    }
}

/// A writer that packs, or passes on.
enum Packer<W: Write> {
    Plain(W),
    Gzip(Box<GzEncoder<W>>),
}

impl<W: Write> Packer<W> {
    fn new(inner: W, compression: Compression) -> Self {
        match compression {
            Compression::None => Self::Plain(inner),
            // The header's time stays 0 and its file name empty.
            Compression::Gzip => Self::Gzip(Box::new(GzEncoder::new(inner, GZIP_LEVEL))),
        }
    }

    fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(inner) => Ok(inner),
            Self::Gzip(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(inner) => inner.write(buffer),
            Self::Gzip(encoder) => encoder.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(inner) => inner.flush(),
            Self::Gzip(encoder) => encoder.flush(),
        }
    }
}

/// A reader that unpacks, or passes on.
enum Unpacker<R: Read> {
    Plain(R),
    Gzip(Box<GzDecoder<io::BufReader<R>>>),
}

impl<R: Read> Unpacker<R> {
    fn new(inner: R, compression: Compression) -> Self {
        match compression {
            Compression::None => Self::Plain(inner),
            Compression::Gzip => Self::Gzip(Box::new(GzDecoder::new(io::BufReader::new(inner)))),
        }
    }

    /// Gives back the packed stream, which must be at its end. A second gzip member after the first would be unpacked
    /// by the container runtime and was not seen by us.
    fn finish(self) -> Result<R> {
        let (mut inner, buffered) = match self {
            Self::Plain(inner) => (inner, 0),
            Self::Gzip(decoder) => {
                let buffer = decoder.into_inner();
                let buffered = buffer.buffer().len();
                (buffer.into_inner(), buffered)
            }
        };
        let rest = inner.read(&mut [0; 1]).map_err(Error::Stream)?;
        if buffered == 0 && rest == 0 { Ok(inner) } else { Err(Error::Trailing) }
    }
}

impl<R: Read> Read for Unpacker<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(inner) => inner.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
        }
    }
}
