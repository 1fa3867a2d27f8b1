//! JSON documents as bytes that depend on their content alone.

use serde::Serialize;

use crate::{Error, Result};

/// Encodes with keys in order: the types of `oci-spec` keep labels and annotations in hash maps, whose order differs
/// from run to run and would change the digest.
pub(crate) fn canonical<T: Serialize>(document: &'static str, value: &T) -> Result<Vec<u8>> {
    let mut value = serde_json::to_value(value).map_err(Error::json(document))?;
    value.sort_all_objects();
    serde_json::to_vec(&value).map_err(Error::json(document))
}
