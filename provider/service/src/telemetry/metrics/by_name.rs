//! Counters with the same series for each of a changing set of names.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use prometheus::core::Collector;
use prometheus::core::Desc;
use prometheus::proto::Counter;
use prometheus::proto::LabelPair;
use prometheus::proto::Metric;
use prometheus::proto::MetricFamily;
use prometheus::proto::MetricType;

use super::OTHER;
use super::label_text::label_text;
use super::metric_factory::MetricFactory;

/// A counter for each of a changing set of names and each of a closed set of columns. Clones share the counters.
///
/// All series of a name begin at zero when the name is added, and are removed with it. The number of names is bounded;
/// events of further names, and of names that were removed, count for [`OTHER`]. An event costs one lookup of the name.
#[derive(Clone, Debug)]
pub(super) struct CountersByName(Arc<Inner>);

/// The parts of a [`CountersByName`] that do not change.
pub(super) struct Table<'a> {
    /// Without prefix.
    pub(super) name: &'a str,
    pub(super) help: &'a str,
    /// The label that has the changing names.
    pub(super) label: &'static str,
    /// The other labels.
    pub(super) fixed_labels: &'a [&'static str],
    /// The values of `fixed_labels`.
    pub(super) columns: Vec<Vec<&'static str>>,
    /// Names that are never removed, beside [`OTHER`].
    pub(super) lasting: &'static [&'static str],
    /// Maximum number of changing names with series of their own.
    pub(super) max_names: usize,
}

#[derive(Debug)]
struct Inner {
    desc: Desc,
    label: &'static str,
    /// Label and value, without the label of the name.
    columns: Vec<Vec<(&'static str, &'static str)>>,
    lasting: &'static [&'static str],
    max_names: usize,
    rows: ArcSwap<Rows>,
}

/// A counter for each column.
type Row = Arc<[AtomicU64]>;

#[derive(Debug, Default)]
struct Rows {
    /// By the text of the label.
    shown: BTreeMap<Box<str>, Row>,
    /// By the name, all rows of `shown`. Names that are equal as labels share a row.
    by_name: HashMap<Box<str>, Row>,
}

impl CountersByName {
    pub(super) fn new(factory: &MetricFactory<'_>, table: Table<'_>) -> Result<Self, prometheus::Error> {
        let Table { name, help, label, fixed_labels, columns, lasting, max_names } = table;
        let labels = fixed_labels.iter().copied().chain([label]).map(str::to_owned).collect();
        let desc = Desc::new(MetricFactory::full(name), help.to_owned(), labels, HashMap::new())?;
        let columns = columns.into_iter().map(|values| fixed_labels.iter().copied().zip(values).collect()).collect();
        let counters = Self(Arc::new(Inner { desc, label, columns, lasting, max_names, rows: ArcSwap::default() }));
        counters.set_names([]);
        factory.put(counters)
    }

    /// Adds and removes series, so that there are series for `names`, or for the first ones if there are too many.
    pub(super) fn set_names<'a>(&self, names: impl IntoIterator<Item = &'a str> + Clone) {
        self.0.rows.rcu(|former| self.0.next(former, names.clone().into_iter()));
    }

    /// Counts one event in a column.
    pub(super) fn increment(&self, name: &str, column: usize) {
        let rows = self.0.rows.load();
        let row = rows.by_name.get(name).or_else(|| rows.by_name.get(OTHER));
        if let Some(counter) = row.and_then(|row| row.get(column)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Inner {
    fn next<'a>(&self, former: &Rows, names: impl Iterator<Item = &'a str>) -> Rows {
        let mut next = Rows::default();
        let lasting = self.lasting.iter().copied().chain([OTHER]);
        let max = self.lasting.len() + 1 + self.max_names;
        for name in lasting.chain(names) {
            let label = label_text(name);
            let row = match next.shown.get(label) {
                Some(row) => Arc::clone(row),
                None if next.shown.len() == max => continue,
                None => match former.shown.get(label) {
                    Some(row) => Arc::clone(row),
                    None => self.columns.iter().map(|_| AtomicU64::new(0)).collect(),
                },
            };
            next.shown.insert(label.into(), Arc::clone(&row));
            next.by_name.insert(name.into(), row);
        }
        next
    }

    fn metric(&self, name: &str, column: &[(&'static str, &'static str)], value: u64) -> Metric {
        let mut pairs: Vec<_> = column.iter().copied().chain([(self.label, name)]).collect();
        // In the order of all other metrics.
        pairs.sort_unstable_by_key(|(label, _)| *label);
        let pair = |(label, value): (&str, &str)| {
            let mut pair = LabelPair::default();
            pair.set_name(label.to_owned());
            pair.set_value(value.to_owned());
            pair
        };
        let mut metric = Metric::from_label(pairs.into_iter().map(pair).collect());
        let mut counter = Counter::default();
        // Exact up to nine thousand billion events.
        #[allow(clippy::cast_precision_loss)]
        counter.set_value(value as f64);
        metric.set_counter(counter);
        metric
    }
}

impl Collector for CountersByName {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let rows = self.0.rows.load();
        let mut metrics = Vec::with_capacity(rows.shown.len() * self.0.columns.len());
        for (name, row) in &rows.shown {
            for (column, counter) in self.0.columns.iter().zip(row.iter()) {
                metrics.push(self.0.metric(name, column, counter.load(Ordering::Relaxed)));
            }
        }
        let mut family = MetricFamily::default();
        family.set_name(self.0.desc.fq_name.clone());
        family.set_help(self.0.desc.help.clone());
        family.set_field_type(MetricType::COUNTER);
        family.set_metric(metrics);
        vec![family]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use prometheus::Registry;

    use super::*;

    /// With two names at most, beside the lasting one.
    fn counters() -> (Registry, CountersByName) {
        let registry = Registry::new();
        let table = Table {
            name: "things_total",
            help: "Things.",
            label: "name",
            fixed_labels: &["a", "z"],
            columns: vec![vec!["1", "2"], vec!["3", "4"]],
            lasting: &[""],
            max_names: 2,
        };
        let counters = CountersByName::new(&MetricFactory { registry: &registry }, table).unwrap();
        (registry, counters)
    }

    /// The value of each series by its name and first label.
    fn values(registry: &Registry) -> Vec<String> {
        let text = super::super::encode_text(registry).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.strip_prefix("countersign_things_total").unwrap().to_owned()).collect()
    }

    #[test]
    fn series_begin_at_zero_with_labels_in_order() {
        let (registry, counters) = counters();
        counters.set_names(["shop"]);
        assert_eq!(
            values(&registry),
            [
                r#"{a="1",name="",z="2"} 0"#,
                r#"{a="1",name="other",z="2"} 0"#,
                r#"{a="1",name="shop",z="2"} 0"#,
                r#"{a="3",name="",z="4"} 0"#,
                r#"{a="3",name="other",z="4"} 0"#,
                r#"{a="3",name="shop",z="4"} 0"#,
            ]
        );
    }

    #[test]
    fn a_name_keeps_its_count_until_it_is_removed() {
        let (registry, counters) = counters();
        counters.set_names(["shop", "bank"]);
        counters.increment("shop", 0);
        counters.set_names(["shop"]);
        counters.increment("shop", 0);
        assert!(values(&registry).contains(&r#"{a="1",name="shop",z="2"} 2"#.to_owned()));
        assert!(!values(&registry).iter().any(|line| line.contains("bank")));
        counters.set_names(["bank"]);
        counters.set_names(["bank", "shop"]);
        assert!(values(&registry).contains(&r#"{a="1",name="shop",z="2"} 0"#.to_owned()));
    }

    #[test]
    fn further_and_removed_names_count_for_other() {
        let (registry, counters) = counters();
        counters.set_names(["one", "two", "three"]);
        counters.increment("three", 1);
        counters.increment("four", 1);
        counters.increment("two", 1);
        counters.increment("", 1);
        let counted: Vec<_> = values(&registry).into_iter().filter(|line| !line.ends_with(" 0")).collect();
        assert_eq!(
            counted,
            [r#"{a="3",name="",z="4"} 1"#, r#"{a="3",name="other",z="4"} 2"#, r#"{a="3",name="two",z="4"} 1"#]
        );
    }

    #[test]
    fn names_that_are_equal_as_labels_or_like_a_lasting_one_share_a_series() {
        let (registry, counters) = counters();
        let (long, longer) = ("x".repeat(200), "x".repeat(201));
        counters.set_names(["other", long.as_str(), longer.as_str(), "two"]);
        for name in ["other", long.as_str(), longer.as_str(), "two"] {
            counters.increment(name, 0);
        }
        let counted: Vec<_> = values(&registry).into_iter().filter(|line| !line.ends_with(" 0")).collect();
        let cut = format!("{{a=\"1\",name=\"{}\",z=\"2\"}} 2", "x".repeat(128));
        assert_eq!(counted, [r#"{a="1",name="other",z="2"} 1"#, r#"{a="1",name="two",z="2"} 1"#, cut.as_str()]);
    }
}
