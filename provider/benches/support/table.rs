//! Figures of several rounds, as a table of medians with their spread, and ratios.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::collections::BTreeMap;

/// Figures by row and column, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<String>,
    figures: BTreeMap<(String, &'static str), Vec<f64>>,
}

impl Table {
    /// Adds a figure of one round.
    pub(crate) fn add(&mut self, row: impl Into<String>, column: &'static str, figure: f64) {
        let row = row.into();
        if !self.rows.contains(&row) {
            self.rows.push(row.clone());
        }
        self.figures.entry((row, column)).or_default().push(figure);
    }

    /// The median of a figure, as `MEDIAN (LEAST-MOST)` with the others, in those of these columns that have figures; and that of each
    /// further column as a multiple of the first.
    pub(crate) fn print(&self, columns: &[&'static str]) {
        let has_figures = |column: &&&'static str| self.figures.keys().any(|(_, other)| other == *column);
        let columns: Vec<&'static str> = columns.iter().filter(has_figures).copied().collect();
        let width = self.rows.iter().map(String::len).max().unwrap_or(0);
        print!("{:width$}", "median (least-most)");
        columns.iter().for_each(|column| print!(" {column:>30}"));
        columns.iter().skip(1).for_each(|column| print!(" {:>22}", format!("{column} / {}", columns[0])));
        println!();
        for row in &self.rows {
            print!("{row:width$}");
            let medians: Vec<Option<f64>> = columns.iter().map(|column| self.median(row, column)).collect();
            columns.iter().for_each(|column| print!(" {:>30}", self.shown(row, column)));
            for median in medians.iter().skip(1) {
                let ratio = medians[0].zip(*median).filter(|(first, _)| *first > 0.0);
                let ratio = ratio.map(|(first, median)| format!("{:.2}", median / first));
                print!(" {:>22}", ratio.unwrap_or_default());
            }
            println!();
        }
    }

    /// For each of these columns, the same of every row, and its median as a multiple of the one of the row `first`.
    pub(crate) fn print_columns(&self, columns: &[&'static str], first: &str) {
        let width = columns.iter().map(|column| column.len()).chain(self.rows.iter().map(|row| row.len() + 2)).max();
        let width = width.unwrap_or(0);
        for column in columns {
            println!("\n{column:width$} {:>30} {:>10} {:>6}", "median (least-most)", "ratio", "rounds");
            for row in &self.rows {
                let ratio = self.median(first, column).zip(self.median(row, column));
                let ratio =
                    ratio.filter(|(first, _)| *first > 0.0).map(|(first, median)| format!("{:.2}", median / first));
                let rounds = self.sorted(row, column).map_or(0, |figures| figures.len());
                let (row, shown, ratio) = (format!("  {row}"), self.shown(row, column), ratio.unwrap_or_default());
                println!("{row:width$} {shown:>30} {ratio:>10} {rounds:>6}");
            }
        }
    }

    /// The rows with this ending whose figures of a column are not the same in each round.
    pub(crate) fn varying(&self, column: &'static str, ending: &str) -> Vec<&str> {
        let varies = |row: &&String| {
            let figures = self.sorted(row, column).unwrap_or_default();
            row.ends_with(ending) && figures.first() != figures.last()
        };
        self.rows.iter().filter(varies).map(String::as_str).collect()
    }

    fn sorted(&self, row: &str, column: &'static str) -> Option<Vec<f64>> {
        let mut figures = self.figures.get(&(row.to_owned(), column))?.clone();
        figures.sort_by(f64::total_cmp);
        Some(figures)
    }

    fn median(&self, row: &str, column: &'static str) -> Option<f64> {
        self.sorted(row, column).map(|figures| figures[figures.len() / 2])
    }

    fn shown(&self, row: &str, column: &'static str) -> String {
        let Some(figures) = self.sorted(row, column) else { return "-".to_owned() };
        let (least, median, most) = (figures[0], figures[figures.len() / 2], figures[figures.len() - 1]);
        format!("{} ({}-{})", digits(median), digits(least), digits(most))
    }
}

/// Three significant digits, as far as there are so many.
fn digits(figure: f64) -> String {
    let decimals = if figure >= 100.0 || figure == 0.0 {
        0
    } else if figure >= 10.0 {
        1
    } else if figure >= 1.0 {
        2
    } else {
        4
    };
    format!("{figure:.decimals$}")
}
