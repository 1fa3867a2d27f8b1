use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deis_api::{KeyId, Username};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use uuid::Uuid;

use crate::error::Error;
use crate::ledger::Key;

/// The types of key that the builder takes (RFC 8332, RFC 8709, RFC 5656).
const TYPES: [&str; 5] =
    ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];
/// No key is longer than this, in bytes of text.
const MAX_LEN: usize = 16 * 1024;

/// Reads a line of an `authorized_keys` file.
///
/// # Errors
/// [`Error::Field`] for text that is no key, or a key of a type that cannot be used.
pub fn parse_key(owner: Username, id: KeyId, text: &str) -> Result<Key, Error> {
    let public = text.trim();
    if public.is_empty() {
        return Err(Error::field("public", "This field may not be blank."));
    }
    if public.contains("PRIVATE KEY-----") {
        let message = "This is a private key, which nobody else should see. Send the public one, of the file that ends with .pub.";
        return Err(Error::field("public", message));
    }
    if public.len() > MAX_LEN || public.chars().any(char::is_control) {
        return Err(Error::field("public", "A public key is one line of text."));
    }
    let invalid = || Error::field("public", "Key contains invalid base64 chars");
    let mut words = public.split_ascii_whitespace();
    let (kind, encoded) = words.next().zip(words.next()).ok_or_else(invalid)?;
    let blob = STANDARD.decode(encoded).map_err(|_not_base64| invalid())?;
    // The blob names its type again (RFC 4253, section 6.6): length, then text.
    let named = blob.split_first_chunk::<4>().and_then(|(length, rest)| {
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        rest.get(..length)
    });
    if !TYPES.contains(&kind) || named != Some(kind.as_bytes()) {
        let message = format!("This is no SSH public key of a type that can be used: {}.", TYPES.join(", "));
        return Err(Error::field("public", message));
    }
    let fingerprint = Md5::digest(&blob).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    Ok(Key { uuid: Uuid::new_v4(), owner, id, public: public.to_owned(), blob, fingerprint, created: Timestamp::now() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0mYpZ8mQm7vXkH0r3hXo7Vd3bqC3sJ2l5oYq2bQm3n bob@laptop";

    fn parsed(text: &str) -> Result<Key, String> {
        let key = parse_key("bob".parse().unwrap(), "bob@laptop".parse().unwrap(), text);
        key.map_err(|error| error.to_string())
    }

    #[test]
    fn the_whole_line_is_kept_without_white_space_around_it() {
        let key = parsed(&format!("  {KEY}\n")).unwrap();
        assert_eq!(key.public, KEY);
        assert_eq!(key.blob.len(), 51);
        insta::assert_snapshot!(key.fingerprint);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let unknown_type = KEY.replace("ssh-ed25519", "ssh-dss");
        let two_lines = format!("{KEY}\n{KEY}");
        let refusals = ["", "ssh-ed25519", "ssh-ed25519 ?!", "ssh-ed25519 aGVsbG8=", &unknown_type, &two_lines];
        insta::assert_yaml_snapshot!(refusals.map(|text| parsed(text).unwrap_err()));
    }
}
