use comfy_table::{ContentArrangement, Table, presets};
use unicode_width::UnicodeWidthStr as _;

/// Blanks between columns.
const GAP: usize = 3;
/// A last column that must go on below itself is not narrower than this.
const NARROWEST: usize = 16;
/// How much further to the right stands what belongs to the line above.
const INDENT: usize = 2;

/// Rows under their headers, columns as wide as their content, no lines.
///
/// On a terminal that is too narrow, columns go on below themselves, the last ones first. Where the longest words do not fit beside
/// each other, each row is a block: its first cell, and below it the others behind their headers. Words are never broken; one that is
/// longer than the terminal is left to it. Nothing is ever cut: a program that reads us has no width.
#[must_use]
pub fn table<const N: usize>(headers: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    fitted(headers, rows, terminal_width())
}

/// One row of a table whose other rows come later: the width of its first columns is known, the last one has the rest, or a place
/// below them.
#[must_use]
pub fn row<const N: usize>(first: [(&str, u16); N], last: &str) -> String {
    fitted_row(first, last, terminal_width())
}

fn fitted<const N: usize>(
    headers: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    terminal: Option<u16>,
) -> String {
    let rows = rows.into_iter().collect::<Vec<_>>();
    let cells = || std::iter::once(headers).chain(rows.iter().map(|row| row.each_ref().map(String::as_str)));
    let Some(terminal) = terminal.map(usize::from) else {
        return beside(cells().map(|row| row.map(str::to_owned)));
    };
    match widths(cells(), terminal) {
        Some(widths) => beside(cells().map(|row| folded(row, widths))),
        None => rows.iter().flat_map(|row| block(&headers, row, terminal)).collect::<Vec<_>>().join("\n"),
    }
}

fn fitted_row<const N: usize>(first: [(&str, u16); N], last: &str, terminal: Option<u16>) -> String {
    let blanks = |count: usize| " ".repeat(count);
    let widths = first.map(|(text, width)| (text, usize::from(width)));
    let first =
        widths.map(|(text, width)| text.to_owned() + &blanks(width.saturating_sub(text.width()) + GAP)).concat();
    let taken = first.width();
    let beside = |lines: &[String]| lines.join(&format!("\n{}", blanks(taken)));
    let lines = last.lines().map(str::to_owned).collect::<Vec<_>>();
    let Some(terminal) = terminal.map(usize::from) else { return first + &beside(&lines) };
    let room = terminal.saturating_sub(taken);
    if lines.iter().all(|line| line.width() <= room) || room >= longest_word(last).max(NARROWEST) {
        return first + &beside(&fold(last, room, 0));
    }
    let below = fold(&(blanks(INDENT) + last), terminal, 0).join("\n");
    format!("{}\n{below}", first.trim_end())
}

/// Cells beside each other.
fn beside<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    table.add_rows(rows);
    let last = table.column_count().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        let gap = if index < last { GAP } else { 0 };
        column.set_padding((0, u16::try_from(gap).unwrap_or_default()));
    }
    table.trim_fmt()
}

/// How wide each column is to be; `None` when the longest words do not fit beside each other.
fn widths<'a, const N: usize>(
    cells: impl Iterator<Item = [&'a str; N]> + Clone,
    terminal: usize,
) -> Option<[usize; N]> {
    let most = widest(cells.clone(), |cell| cell.lines().map(str::width).max().unwrap_or(0));
    let mut least = widest(cells, longest_word);
    if let (Some(least), Some(most)) = (least.last_mut(), most.last()) {
        *least = (*most).min(NARROWEST).max(*least);
    }
    let mut room = terminal.checked_sub(least.iter().sum::<usize>() + GAP * N.saturating_sub(1))?;
    let mut most = most.into_iter();
    Some(least.map(|least| {
        let more = most.next().unwrap_or(least).saturating_sub(least).min(room);
        room -= more;
        least + more
    }))
}

/// The most that is measured in each column.
fn widest<'a, const N: usize>(
    cells: impl Iterator<Item = [&'a str; N]>,
    measure: impl Fn(&str) -> usize,
) -> [usize; N] {
    cells.fold([0; N], |mut widest, row| {
        for (widest, cell) in widest.iter_mut().zip(row) {
            *widest = measure(cell).max(*widest);
        }
        widest
    })
}

fn folded<const N: usize>(row: [&str; N], widths: [usize; N]) -> [String; N] {
    let mut widths = widths.into_iter();
    row.map(|cell| fold(cell, widths.next().unwrap_or(usize::MAX), 0).join("\n"))
}

/// A row as a block of lines. Empty cells are left out.
fn block(headers: &[&str], row: &[String], terminal: usize) -> Vec<String> {
    let Some((first, others)) = row.split_first() else { return Vec::new() };
    let indent = indentation(first).to_owned() + &" ".repeat(INDENT);
    let mut lines = fold(first, terminal, INDENT);
    let mut is_open = false;
    for (header, cell) in headers.iter().skip(1).zip(others).filter(|(_, cell)| !cell.trim().is_empty()) {
        let pair = format!("{header}: {}", cell.lines().collect::<Vec<_>>().join(" "));
        match lines.last_mut().filter(|line| is_open && line.width() + GAP + pair.width() <= terminal) {
            Some(line) => line.extend([" ".repeat(GAP), pair]),
            None => {
                let folded = fold(&format!("{indent}{pair}"), terminal, INDENT);
                is_open = folded.len() == 1;
                lines.extend(folded);
            }
        }
    }
    lines
}

/// The lines of a text, broken between words only, and behind a slash where a word has no line for itself. What a line goes on with
/// begins below the line's first word, or `hanging` blanks to the right of it.
fn fold(text: &str, width: usize, hanging: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for text in text.lines() {
        let indent = indentation(text);
        let below = indent.to_owned() + &" ".repeat(hanging);
        let mut line = indent.to_owned();
        let fits = |line: &str, word: &str| line.width() + word.trim_end().width() <= width;
        let mut put = |word: &str| {
            if !line.trim_start().is_empty() && !fits(&line, word) {
                lines.push(line.trim_end().to_owned());
                line.clone_from(&below);
            }
            line.push_str(word);
        };
        for word in words(text) {
            if fits(&below, word) {
                put(word);
            } else {
                parts(word).for_each(&mut put);
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// How narrow a text can be, its indentation included.
fn longest_word(text: &str) -> usize {
    let longest = |line| {
        let parts = words(line).flat_map(parts).map(|part| part.trim_end().width());
        parts.max().unwrap_or(0) + indentation(line).width()
    };
    text.lines().map(longest).max().unwrap_or(0)
}

/// The words of a line, each with the blank behind it.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.trim_start_matches(' ').split_inclusive(' ')
}

/// The name of an image or a file may go on in another line behind a slash; an address and a fraction do not.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let is_path = !word.contains("//") && word.contains(char::is_alphabetic);
    word.split_inclusive(move |letter| is_path && letter == '/')
}

fn indentation(line: &str) -> &str {
    line.strip_suffix(line.trim_start_matches(' ')).unwrap_or_default()
}

/// How many columns the terminal has, when stdout is one. A terminal that nobody gave a size says 0.
#[must_use]
pub fn terminal_width() -> Option<u16> {
    Table::new().width().filter(|width| *width > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: [&str; 3] = ["NAME", "READY", "WHAT IT IS"];
    const ROWS: [[&str; 3]; 3] = [
        ["router", "2/2", "the edge: HTTP, HTTPS, websockets and git"],
        ["  deis-router-6d4b-x2x1z", "yes, cordoned", ""],
        ["registry-proxy", "1/1", "127.0.0.1:5555/deis/registry-proxy:0.1.0, see https://example.com/docs"],
    ];

    fn shown(width: Option<u16>) -> String {
        fitted(HEADERS, ROWS.map(|row| row.map(str::to_owned)), width)
    }

    #[test]
    fn columns_are_as_wide_as_their_content() {
        insta::assert_snapshot!(shown(None));
        assert_eq!(shown(Some(120)), shown(None));
    }

    #[test]
    fn on_a_narrow_terminal_columns_go_on_below_themselves() {
        insta::assert_snapshot!(shown(Some(66)));
    }

    #[test]
    fn on_a_very_narrow_terminal_each_row_is_a_block() {
        insta::assert_snapshot!(shown(Some(40)));
    }

    fn all(line: &str) -> impl Iterator<Item = &str> {
        words(line).flat_map(parts).map(str::trim_end)
    }

    /// Whatever the width, and no line is longer than the terminal unless it is a single word.
    #[test]
    fn no_word_is_broken() {
        let wanted = ROWS.iter().flatten().flat_map(|cell| all(cell)).collect::<Vec<_>>();
        for width in 8..120 {
            let shown = shown(Some(width));
            let found = shown.lines().flat_map(all).collect::<Vec<_>>();
            for word in &wanted {
                assert!(found.contains(word), "{width}: {word} is not in\n{shown}");
            }
            let long = shown.lines().filter(|line| line.width() > width.into());
            assert!(long.clone().all(|line| all(line).count() == 1), "{width}:\n{shown}");
        }
    }

    #[test]
    fn no_header_is_broken_where_there_are_columns() {
        for width in 8..120 {
            let shown = shown(Some(width));
            assert!(shown.starts_with("NAME") || shown.starts_with("router\n"), "{width}:\n{shown}");
            assert!(
                shown.starts_with("router\n") || shown.lines().next().unwrap().contains("READY"),
                "{width}:\n{shown}"
            );
        }
    }

    #[test]
    fn the_lines_of_a_last_cell_stand_below_each_other() {
        for terminal in [None, Some(40)] {
            let shown = fitted_row([("lines:", 9)], "connecting to db\n  panic: no database", terminal);
            assert_eq!(shown, "lines:      connecting to db\n              panic: no database");
        }
    }

    #[test]
    fn a_row_stands_alone() {
        let row = |width| fitted_row([("ok", 4), ("name", 10)], "deis.example.com is 192.0.2.1, and more", width);
        insta::assert_snapshot!([None, Some(48), Some(30), Some(10)].map(row).join("\n"));
    }
}
