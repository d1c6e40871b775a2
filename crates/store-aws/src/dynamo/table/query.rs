//! Pages of a partition, by cursor.

use aws_sdk_dynamodb::types::AttributeValue;
use berth_domain::Page;
use berth_ports::StoreResult;

use super::super::error::failed;
use super::super::expression::{Condition, Placeholders};
use super::super::item::Item;
use super::super::key::{PARTITION, SORT};
use super::super::schema::{LISTED, LISTED_PARTITION, LISTED_SORT};
use super::Table;
use super::read::project;

/// Sorts behind every text that begins with what stands before it.
const LAST: char = '\u{10FFFF}';
/// Sorts before every other text that begins with what stands before it.
const FIRST: char = '\0';

/// A part of a partition: those sort keys that lie between two.
#[derive(Clone, Debug)]
pub(in super::super) struct Query {
    partition: String,
    from: String,
    to: String,
    backwards: bool,
    filter: Option<Condition>,
    attributes: &'static [&'static str],
    listed: bool,
}

impl Query {
    /// A whole partition, the smallest sort key first.
    pub(in super::super) fn of(partition: impl Into<String>) -> Self {
        Self {
            partition: partition.into(),
            from: FIRST.into(),
            to: LAST.into(),
            backwards: false,
            filter: None,
            attributes: &[],
            listed: false,
        }
    }

    /// Only sort keys that begin so.
    #[must_use]
    pub(in super::super) fn beginning(self, prefix: &str) -> Self {
        let end = format!("{prefix}{LAST}");
        self.from(prefix).up_to(&end)
    }

    /// Only sort keys from this one on.
    #[must_use]
    pub(in super::super) fn from(mut self, sort: &str) -> Self {
        if *sort > *self.from {
            sort.clone_into(&mut self.from);
        }
        self
    }

    /// Only sort keys behind this one, which need not exist.
    #[must_use]
    pub(in super::super) fn after(self, sort: &str) -> Self {
        self.from(&format!("{sort}{FIRST}"))
    }

    /// Only sort keys up to this one.
    #[must_use]
    pub(in super::super) fn up_to(mut self, sort: &str) -> Self {
        if *sort < *self.to {
            sort.clone_into(&mut self.to);
        }
        self
    }

    /// The greatest sort key first.
    #[must_use]
    pub(in super::super) fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }

    /// Only items of which this holds. The others are read and paid for.
    #[must_use]
    pub(in super::super) fn filtered(mut self, condition: Condition) -> Self {
        self.filter = Some(condition);
        self
    }

    /// Only these attributes. The others are paid for.
    #[must_use]
    pub(in super::super) fn only(mut self, attributes: &'static [&'static str]) -> Self {
        self.attributes = attributes;
        self
    }

    /// Of the index `listed` instead of the table: by the partition and sort
    /// key that [`Item::listed`] gave. It lags, and knows nothing but keys.
    #[must_use]
    pub(in super::super) fn listed(mut self) -> Self {
        self.listed = true;
        self
    }

    /// The condition on the keys.
    fn render(&self, placeholders: &mut Placeholders) -> String {
        let text = |text: &String| AttributeValue::S(text.clone());
        let (partition, sort) = if self.listed {
            (LISTED_PARTITION, LISTED_SORT)
        } else {
            (PARTITION, SORT)
        };
        let partition = placeholders.name(partition);
        let is = placeholders.value(text(&self.partition));
        let sort = placeholders.name(sort);
        let from = placeholders.value(text(&self.from));
        let to = placeholders.value(text(&self.to));
        format!("{partition} = {is} AND {sort} BETWEEN {from} AND {to}")
    }
}

impl Table {
    /// Reads a page of at most `limit` items, strongly but for the index.
    pub(in super::super) async fn query(
        &self,
        query: &Query,
        limit: usize,
    ) -> StoreResult<Page<Item>> {
        const OPERATION: &str = "Query";
        let mut items = Vec::new();
        // The service refuses a range that ends before it begins.
        if query.from > query.to {
            return Ok(Page::from_overread(items, limit));
        }
        let wanted = limit.saturating_add(1);
        let mut start = None;
        loop {
            let mut placeholders = Placeholders::default();
            let keys = query.render(&mut placeholders);
            let filter = query.filter.as_ref();
            let filter = filter.map(|filter| filter.render(&mut placeholders));
            let (projection, placeholders) = project(query.attributes, placeholders);
            let (names, values) = placeholders.into_maps();
            let rest = i32::try_from(wanted - items.len()).unwrap_or(i32::MAX);
            let answer = self
                .client
                .query()
                .table_name(self.name())
                .key_condition_expression(keys)
                .set_filter_expression(filter)
                .set_projection_expression(projection)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .set_exclusive_start_key(start)
                .scan_index_forward(!query.backwards)
                .set_index_name(query.listed.then(|| LISTED.to_owned()))
                .consistent_read(!query.listed)
                .limit(rest)
                .set_return_consumed_capacity(self.begin(OPERATION))
                .send()
                .await
                .map_err(|error| failed(OPERATION, &error))?;
            self.end(OPERATION, answer.consumed_capacity());
            items.extend(answer.items.into_iter().flatten().map(Item::from));
            start = answer.last_evaluated_key;
            if start.is_none() || items.len() >= wanted {
                return Ok(Page::from_overread(items, limit));
            }
        }
    }
}
