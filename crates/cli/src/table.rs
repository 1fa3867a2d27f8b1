use comfy_table::{ContentArrangement, Table, presets};

/// Rows under their headers, columns as wide as their content, no lines.
#[must_use]
pub fn table<const N: usize>(headers: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headers).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_content() {
        let rows = [["router", "2/2"], ["registry-proxy", "1/1"]].map(|row| row.map(str::to_owned));
        insta::assert_snapshot!(table(["NAME", "READY"], rows), @r"
        NAME             READY
        router           2/2
        registry-proxy   1/1
        ");
    }
}
