//! One statement for many callers: each gets the rows of its own parameters.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::statement::Statement;
use crate::value::{OwnedValue, Value};

/// What a caller wants to know.
pub(crate) struct Asked {
    pub(crate) statement: &'static Statement,
    pub(crate) params: Vec<OwnedValue>,
}

/// A statement prepared for any number of callers.
pub(crate) struct Batched(tokio_postgres::Statement);

impl Batched {
    pub(crate) async fn prepare(
        client: &Client,
        statement: &Statement,
    ) -> Result<Self, tokio_postgres::Error> {
        let single = client.prepare(statement.postgres()).await?;
        Ok(Self(client.prepare(&for_many(statement.postgres(), single.params())).await?))
    }

    /// The rows of each caller, in the callers' order. All must have the same number of parameters.
    pub(crate) async fn query(
        &self,
        client: &Client,
        callers: &[&Asked],
    ) -> Result<Vec<Vec<Row>>, tokio_postgres::Error> {
        let params = callers.first().map_or(0, |asked| asked.params.len());
        let places = (0..).take(callers.len()).map(Value::Int).collect();
        let column = |index: usize| callers.iter().map(|asked| Value::from(&asked.params[index])).collect();
        let columns: Vec<Vec<Value<'_>>> = std::iter::once(places).chain((0..params).map(column)).collect();
        let columns: Vec<_> = columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect();
        let mut found: Vec<Vec<Row>> = callers.iter().map(|_| Vec::new()).collect();
        for row in client.query(&self.0, &columns).await? {
            let place: i64 = row.try_get(row.len() - 1)?;
            let rows = usize::try_from(place).ok().and_then(|place| found.get_mut(place));
            // The server can only give back places that it was given.
            if let Some(rows) = rows {
                rows.push(row);
            }
        }
        Ok(found)
    }
}

/// How the server would answer callers of `statement`. A text prepared by the protocol cannot be explained by
/// it, so the text is prepared once more, by name.
pub(crate) async fn explain(client: &Client, statement: &Statement) -> Result<String, tokio_postgres::Error> {
    let single = client.prepare(statement.postgres()).await?;
    let text = for_many(statement.postgres(), single.params());
    client.batch_execute(&format!("DEALLOCATE ALL; PREPARE explained AS {text}")).await?;
    let nulls = vec!["NULL"; single.params().len() + 1].join(", ");
    let lines = client.query(&format!("EXPLAIN EXECUTE explained ({nulls})"), &[]).await?;
    let lines = lines.iter().map(|line| line.try_get::<_, String>(0));
    Ok(lines.collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// `sql` as a subquery that runs once for each caller, with the caller's place as the last column.
fn for_many(sql: &str, types: &[Type]) -> String {
    let arrays = unnest(&[&[Type::INT8], types].concat());
    let names: String = (1..=types.len()).map(|number| format!(", p{number}")).collect();
    let each = sql.split('\'').enumerate().map(|(part, text)| {
        // Every second part is within quotes.
        if part % 2 == 0 { text.replace('$', "the_caller.p") } else { text.to_owned() }
    });
    let each = each.collect::<Vec<_>>().join("'");
    format!(
        "SELECT found.*, the_caller.place FROM {arrays} AS the_caller (place{names}) \
         CROSS JOIN LATERAL ({each}) AS found"
    )
}

/// Rows from the arrays of their columns, which are the parameters.
pub(crate) fn unnest(types: &[Type]) -> String {
    let array = |(number, kind): (usize, &Type)| format!("${number}::{}[]", kind.name());
    let arrays: Vec<String> = (1..).zip(types).map(array).collect();
    format!("unnest({})", arrays.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_the_callers_columns_except_in_texts() {
        assert_eq!(
            for_many(
                "SELECT '$1' AS t FROM a WHERE b = $2 AND c LIKE '''$' || $1",
                &[Type::TEXT, Type::INT8]
            ),
            "SELECT found.*, the_caller.place \
             FROM unnest($1::int8[], $2::text[], $3::int8[]) AS the_caller (place, p1, p2) \
             CROSS JOIN LATERAL (SELECT '$1' AS t FROM a WHERE b = the_caller.p2 AND c LIKE '''$' || the_caller.p1) AS found"
        );
        assert_eq!(
            for_many("SELECT 1", &[]),
            "SELECT found.*, the_caller.place FROM unnest($1::int8[]) AS the_caller (place) \
             CROSS JOIN LATERAL (SELECT 1) AS found"
        );
    }
}
