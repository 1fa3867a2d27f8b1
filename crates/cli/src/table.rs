use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

/// Blanks between columns.
const GAP: u16 = 3;
/// A last column that must go on below itself is not narrower than this.
const NARROWEST: u16 = 16;

/// Rows under their headers, columns as wide as their content, no lines.
///
/// On a terminal that is too narrow, the last column goes on below itself; where even that leaves it too little, all columns do.
/// Nothing else is ever cut: a program that reads us has no width.
#[must_use]
pub fn table<const N: usize>(headers: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    fitted(headers, rows, terminal_width())
}

/// One row of a table whose other rows come later: the width of its first columns is known, the last one has the rest.
#[must_use]
pub fn row<const N: usize>(first: [(&str, u16); N], last: &str) -> String {
    fitted_row(first, last, terminal_width())
}

fn fitted<const N: usize>(
    headers: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    width: Option<u16>,
) -> String {
    let mut table = plain();
    table.set_header(headers).add_rows(rows);
    separate(&mut table);
    let widths = table.column_max_content_widths();
    let (_, others) = widths.split_last().unwrap_or((&0, &[]));
    if let Some(width) = width {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
        if fits(others, width) {
            for column in table.column_iter_mut().take(others.len()) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
    }
    table.trim_fmt()
}

fn fitted_row<const N: usize>(first: [(&str, u16); N], last: &str, width: Option<u16>) -> String {
    let mut table = plain();
    table.add_row(first.iter().map(|(text, _)| *text).chain([last]));
    separate(&mut table);
    let widths = first.map(|(_, width)| width);
    for (column, width) in table.column_iter_mut().zip(widths) {
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width.saturating_add(GAP))));
    }
    if let Some(width) = width.filter(|width| fits(&widths, *width)) {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.trim_fmt()
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    table
}

/// Puts the gap behind each column but the last.
fn separate(table: &mut Table) {
    let last = table.column_count().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index < last { GAP } else { 0 }));
    }
}

/// Whether columns of these widths leave enough for one more.
fn fits(widths: &[u16], terminal: u16) -> bool {
    let taken = widths.iter().map(|width| u32::from(width.saturating_add(GAP))).sum::<u32>();
    taken + u32::from(NARROWEST) <= u32::from(terminal)
}

/// How many columns the terminal has, when stdout is one. A terminal that nobody gave a size says 0.
#[must_use]
pub fn terminal_width() -> Option<u16> {
    Table::new().width().filter(|width| *width > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: Option<u16>) -> String {
        let rows = [
            ["router", "2/2", "the edge: HTTP, HTTPS, websockets and git"],
            ["registry-proxy", "1/1", "127.0.0.1:5555/deis/registry-proxy@sha256:0123456789abcdef"],
        ];
        fitted(["NAME", "READY", "WHAT IT IS"], rows.map(|row| row.map(str::to_owned)), width)
    }

    #[test]
    fn columns_are_as_wide_as_their_content() {
        insta::assert_snapshot!(shown(None));
        assert_eq!(shown(Some(120)), shown(None));
    }

    #[test]
    fn on_a_narrow_terminal_the_last_column_goes_on_below_itself() {
        insta::assert_snapshot!(shown(Some(50)));
    }

    #[test]
    fn on_a_very_narrow_terminal_all_columns_do() {
        insta::assert_snapshot!(shown(Some(30)));
    }

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        for width in 20..120 {
            let longest = shown(Some(width)).lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= width.into(), "{width}: {longest}");
        }
    }

    #[test]
    fn a_row_stands_alone() {
        let row = |width| fitted_row([("ok", 4), ("name", 10)], "deis.example.com is 192.0.2.1, and more", width);
        insta::assert_snapshot!([None, Some(48), Some(10)].map(row).join("\n"));
    }
}
