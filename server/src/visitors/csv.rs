//! Files for spreadsheets.

/// What begins a formula; some spreadsheets read full-width signs as such, too.
const COMPUTED: [char; 10] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r'];

/// A CSV file (RFC 4180) with the mark by which Excel knows UTF-8.
pub struct Table(String);

impl Table {
    #[must_use]
    pub fn new(header: &[&str]) -> Self {
        let mut table = Self("\u{feff}".to_owned());
        table.row(header);
        table
    }

    pub fn row(&mut self, cells: &[&str]) {
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                self.0.push(',');
            }
            self.cell(cell);
        }
        self.0.push_str("\r\n");
    }

    /// A cell that a spreadsheet would compute is made text: names come from strangers.
    fn cell(&mut self, cell: &str) {
        let is_formula = cell.starts_with(COMPUTED);
        let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
        if cell.contains([',', '"', '\n', '\r']) {
            self.0.push('"');
            self.0.push_str(&cell.replace('"', "\"\""));
            self.0.push('"');
        } else {
            self.0.push_str(&cell);
        }
    }

    #[must_use]
    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn cells_are_quoted_and_never_computed() {
        let mut table = Table::new(&["a", "b"]);
        table.row(&["张,三", "say \"hi\"\nthere"]);
        table.row(&["=1+1", "+8613811111111"]);
        table.row(&["＝1+1", "＠a"]);
        let expected = "\u{feff}a,b\r\n\"张,三\",\"say \"\"hi\"\"\nthere\"\r\n'=1+1,'+8613811111111\r\n\
                        '＝1+1,'＠a\r\n";
        assert_eq!(table.finish(), expected);
    }
}
