//! What an OCI image is made of, as values and streams: layers, configs, manifests, layout folders.
//!
//! Everything written here is reproducible: the same tree gives the same bytes on every machine and day. Entries are
//! sorted, times are fixed, owners are numbers, modes do not depend on the umask, JSON keys are in order and the gzip
//! level is a constant.
//!
//! - [`Tree`] and [`LayerWriter`] make a layer out of files: `deis-build` for the layers of an app, `deis-images` for
//!   the images of the platform.
//! - [`check_layer`] reads a layer that came from a tenant's pod: it trusts nothing and recomputes both digests.
//!   [`unpack`] applies the same rules while it writes a source archive into a folder.
//! - [`ImageBuilder`] puts layers on a base and gives the two JSON documents of an [`Image`].
//! - [`Layout`] is a folder with images that share blobs.
//!
//! Nothing here speaks to a network, spawns, or knows another crate of ours. Section numbers and file names in the
//! documentation are those of the OCI image specification 1.1.

mod digest;
mod error;
mod image;
mod json;
mod layer;
mod layout;

pub use digest::{Digest, DigestReader, DigestWriter};
pub use error::{Error, Result};
pub use image::{Image, ImageBuilder};
pub use layer::check::{CheckedLayer, check_layer};
pub use layer::entries::Limits;
pub use layer::path::LayerPath;
pub use layer::tree::Tree;
pub use layer::unpack::{Unpacked, unpack};
pub use layer::writer::{LayerWriter, Meta, Owner};
pub use layer::{Compression, Layer};
pub use layout::{BlobWriter, Layout};
