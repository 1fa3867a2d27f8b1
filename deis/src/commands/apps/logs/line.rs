use std::fmt::Write as _;
use std::io;

use deis_cli::Ui;

/// Shows a line in the colour of whoever printed it; the colour is seen on a terminal only.
pub fn show(ui: &mut Ui, line: &str) -> io::Result<()> {
    ui.line(format_args!("\u{1b}[3{}m{}\u{1b}[0m", colour(line), harmless(line)))
}

/// The colour of the first word before ` -- `: of a pod always the same.
fn colour(line: &str) -> u8 {
    let said_by = line.split_once(" -- ").map_or("", |(said_by, _)| said_by);
    let category = said_by.split_whitespace().next().unwrap_or_default();
    if category == "INFO" {
        return 5;
    }
    let sum = category.bytes().fold(0_u8, u8::wrapping_add);
    match sum % 6 + 1 {
        // Magenta is taken; 9 is the terminal's own colour.
        5 => 9,
        colour => colour,
    }
}

/// Colours and tabs may pass. Anything else that would steer the terminal is shown for what it is: a line often holds what a
/// stranger sent to the app.
pub fn harmless(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(next) = rest.chars().next() {
        if let Some(length) = colour_sequence(rest) {
            let (sequence, after) = rest.split_at(length);
            shown.push_str(sequence);
            rest = after;
            continue;
        }
        if next.is_control() && next != '\t' {
            // Writing to a string does not fail.
            let _infallible = write!(shown, "{}", next.escape_default());
        } else {
            shown.push(next);
        }
        rest = rest.get(next.len_utf8()..).unwrap_or_default();
    }
    shown
}

/// The length of `ESC [ digits and ; m` at the beginning (ECMA-48, select graphic rendition).
fn colour_sequence(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let length = parameters.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    (parameters.as_bytes().get(length) == Some(&b'm')).then_some(length + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pod_has_its_colour() {
        // The sums of the bytes, by hand: "a" is 97, and 97 % 6 + 1 = 2.
        assert_eq!(colour("a -- GET /"), 2);
        assert_eq!(colour("d -- GET /"), 9, "100 % 6 + 1 = 5, which is magenta's");
        assert_eq!(colour("INFO -- x"), 5);
        assert_eq!(colour("no mark"), 1);
        assert_eq!(colour("deis[controller] -- bob deployed 060da68"), colour("deis[controller] -- other"));
    }

    #[test]
    fn only_colours_steer_the_terminal() {
        assert_eq!(harmless("a\tb \u{1b}[1;31mred\u{1b}[0m ü"), "a\tb \u{1b}[1;31mred\u{1b}[0m ü");
        assert_eq!(harmless("\u{1b}]52;c;bad\u{7}"), "\\u{1b}]52;c;bad\\u{7}");
        assert_eq!(harmless("\u{1b}[2Jgone\rover"), "\\u{1b}[2Jgone\\rover");
        assert_eq!(harmless("\u{1b}[31"), "\\u{1b}[31");
        assert_eq!(harmless("\u{9b}31m"), "\\u{9b}31m");
    }
}
