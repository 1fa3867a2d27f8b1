//! What the person who pushed has read, for those who look later.

use std::collections::VecDeque;

/// The newest lines are kept.
const MAX_BYTES: usize = 256 * 1024;

/// The newest 256 KiB of lines.
#[derive(Debug, Default)]
pub(super) struct Log {
    lines: VecDeque<String>,
    /// With a line end each.
    bytes: usize,
}

impl Log {
    pub(super) fn push(&mut self, line: &str) {
        // A line that is longer than all that is kept loses its end.
        let end = line.char_indices().map(|(index, character)| index + character.len_utf8());
        let end = end.take_while(|end| *end < MAX_BYTES).last().unwrap_or_default();
        let line = line.get(..end).unwrap_or_default().to_owned();
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > MAX_BYTES {
            let oldest = self.lines.pop_front().unwrap_or_default();
            self.bytes = self.bytes.saturating_sub(oldest.len() + 1);
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(self.bytes);
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_stay() {
        let mut log = Log::default();
        log.push("first");
        log.push("");
        assert_eq!(log.text(), "first\n\n");
        log.push(&"x".repeat(MAX_BYTES - 6));
        assert_eq!(log.text().lines().next().unwrap(), "");
        log.push(&"é".repeat(MAX_BYTES));
        assert_eq!((log.lines.len(), log.text().len()), (1, MAX_BYTES - 1));
    }
}
