//! The one packet of git's protocol that we write ourselves.

/// `ERR {message}` as a pkt-line (gitprotocol-common): the client prints "fatal: remote error: {message}".
pub(crate) fn error_line(message: &str) -> Vec<u8> {
    // The length has four hexadecimal digits and counts itself; sentences are far shorter.
    let end = message.char_indices().map(|(index, _)| index).find(|index| *index > 1000).unwrap_or(message.len());
    let payload = format!("ERR {}\n", message.get(..end).unwrap_or(message).replace('\n', " "));
    format!("{:04x}{payload}", payload.len() + 4).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_counts_itself() {
        assert_eq!(error_line("no"), b"000bERR no\n");
        assert_eq!(error_line(&"é".repeat(3000)).len(), 4 + 4 + 1002 + 1);
    }
}
