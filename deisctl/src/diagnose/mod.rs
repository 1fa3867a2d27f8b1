//! What somebody who helps from afar needs to know of the platform, as files, without a secret.

mod archive;
mod collect;
mod objects;
mod redaction;

pub(crate) use self::collect::collect;
