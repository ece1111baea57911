//! Lists of visits, newest first, with how many there are on all pages.

use yuyue_db::{Tx, Value, params, sql};

use super::Result;
use super::grams::{self, Name};
use super::visits::{Visit, visit};
use crate::clock::Millis;
use crate::http::page::Page;
use crate::text;

/// What a list is narrowed down to; every given filter must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Phones by their keys.
    pub proposer: Option<String>,
    pub interviewee_phone: Option<String>,
    pub phone: Option<String>,
    pub is_authorised: Option<bool>,
    /// Visits that overlap the range.
    pub from: Option<Millis>,
    pub to: Option<Millis>,
    /// Any part of the visitor's name.
    pub name: Option<String>,
    /// Any part of the interviewee's name.
    pub interviewee: Option<String>,
    /// Whose proposer is not the interviewee.
    pub only_applications: bool,
}

/// A statement with the filters that hold besides what drives it; the driving index is each
/// variant's first line, because one text for all of them would have no plan that is good for any.
macro_rules! filtered {
    ($select:literal, $drive:literal, $rest:literal) => {
        sql!(concat!(
            $select,
            $drive,
            " AND (CAST($1 AS TEXT) IS NULL OR v.proposer_key = $1)
              AND (CAST($2 AS TEXT) IS NULL OR v.interviewee_phone_key = $2)
              AND (CAST($3 AS TEXT) IS NULL OR p.phone_key = $3)
              AND (CAST($4 AS BOOLEAN) IS NULL OR (v.authorised_at IS NOT NULL) = $4)
              AND (CAST($5 AS BIGINT) IS NULL OR v.ends_at > $5)
              AND (CAST($6 AS BIGINT) IS NULL OR v.starts_at < $6)
              AND (CAST($7 AS TEXT) IS NULL OR replace(p.name_key, $7, '') <> p.name_key)
              AND (CAST($8 AS TEXT) IS NULL OR replace(v.interviewee_key, $8, '') <> v.interviewee_key)
              AND ($9 = FALSE OR v.proposer_key <> v.interviewee_phone_key) ",
            $rest
        ))
    };
}

macro_rules! listed {
    ($drive:literal, $order:literal) => {
        filtered!(
            "SELECT v.id, v.purpose, v.remark, v.come_from, v.group_ids, v.proposer, v.interviewee,
                    v.interviewee_phone, v.department, v.starts_at, v.ends_at, v.created_at, v.authorised_at,
                    v.refused_at, v.refusal, v.signed_in_at ",
            $drive,
            $order
        )
    };
}

macro_rules! counted {
    ($drive:literal) => {
        filtered!("SELECT count(*) AS total ", $drive, "")
    };
}

macro_rules! both {
    ($drive:literal) => {
        (counted!($drive), listed!($drive, "ORDER BY v.created_at DESC, v.id DESC LIMIT $10 OFFSET $11"))
    };
}

/// What finds the rows: the filter that leaves the fewest.
enum Drive {
    Proposer,
    Interviewee,
    Phone,
    /// A part of a name, at most three characters of it.
    Gram(Name, String),
    Nothing,
}

impl Filter {
    fn key(text: Option<&String>) -> Option<String> {
        text.map(|text| text::search_key(text))
    }

    fn drive(&self) -> Drive {
        let gram = |name, text: &String| {
            let key = text::search_key(text);
            Drive::Gram(name, key.chars().take(text::LONGEST_GRAM).collect())
        };
        match self {
            Self { phone: Some(_), .. } => Drive::Phone,
            Self { proposer: Some(_), .. } => Drive::Proposer,
            Self { interviewee_phone: Some(_), .. } => Drive::Interviewee,
            Self { name: Some(name), .. } => gram(Name::Visitor, name),
            Self { interviewee: Some(interviewee), .. } => gram(Name::Interviewee, interviewee),
            _ => Drive::Nothing,
        }
    }

    /// Whether the driving part says it all, so that the totals answer how many there are.
    fn is_only(&self, drive: &Drive) -> bool {
        let short = |text: &Option<String>| {
            text.as_ref().is_none_or(|text| text::search_key(text).chars().count() <= text::LONGEST_GRAM)
        };
        let others = self.is_authorised.is_some()
            || self.from.is_some()
            || self.to.is_some()
            || self.only_applications;
        !others
            && match drive {
                Drive::Gram(Name::Visitor, _) => self.interviewee.is_none() && short(&self.name),
                Drive::Gram(Name::Interviewee, _) => short(&self.interviewee),
                Drive::Nothing => true,
                _ => false,
            }
    }

    /// Whether the parts of names must be complete before the list is read.
    #[must_use]
    pub fn needs_grams(&self) -> bool {
        let drive = self.drive();
        matches!(drive, Drive::Gram(..)) || self.is_only(&drive)
    }
}

/// How many visits there are, and those of the page.
pub fn list(tx: &mut Tx<'_>, filter: &Filter, page: Page) -> Result<(i64, Vec<Visit>)> {
    let drive = filter.drive();
    if filter.is_only(&drive) {
        return match drive {
            Drive::Gram(name, gram) => by_gram(tx, name, &gram, page),
            _ => every(tx, page),
        };
    }
    let (name, interviewee) = (Filter::key(filter.name.as_ref()), Filter::key(filter.interviewee.as_ref()));
    let mut values = vec![
        Value::from(filter.proposer.as_ref()),
        filter.interviewee_phone.as_ref().into(),
        filter.phone.as_ref().into(),
        filter.is_authorised.into(),
        filter.from.into(),
        filter.to.into(),
        name.as_ref().into(),
        interviewee.as_ref().into(),
        filter.only_applications.into(),
    ];
    if let Drive::Gram(name, gram) = &drive {
        let count = counted!(
            "FROM visit_gram g JOIN visit v ON v.id = g.id
             JOIN visit_person p ON p.visit_id = v.id AND p.position = 0 WHERE g.field = $10 AND g.gram = $11"
        );
        let list = listed!(
            "FROM visit_gram g JOIN visit v ON v.id = g.id
             JOIN visit_person p ON p.visit_id = v.id AND p.position = 0 WHERE g.field = $10 AND g.gram = $11",
            "ORDER BY g.at DESC, g.id DESC LIMIT $12 OFFSET $13"
        );
        values.extend([Value::from(name.field()), gram.into()]);
        let total = tx.query_one(count, &values, |row| row.get("total"))?;
        values.extend([Value::from(page.size), page.offset().into()]);
        return Ok((total, tx.query(list, &values, visit)?));
    }
    let (count, list) = match drive {
        Drive::Phone => both!(
            "FROM visit_person p JOIN visit v ON v.id = p.visit_id WHERE p.phone_key = $3 AND p.position = 0"
        ),
        Drive::Proposer => both!(
            "FROM visit v JOIN visit_person p ON p.visit_id = v.id AND p.position = 0 WHERE v.proposer_key = $1"
        ),
        Drive::Interviewee => both!(
            "FROM visit v JOIN visit_person p ON p.visit_id = v.id AND p.position = 0 WHERE v.interviewee_phone_key = $2"
        ),
        Drive::Gram(..) | Drive::Nothing => {
            both!("FROM visit v JOIN visit_person p ON p.visit_id = v.id AND p.position = 0 WHERE v.id > 0")
        }
    };
    let total = tx.query_one(count, &values, |row| row.get("total"))?;
    values.extend([Value::from(page.size), page.offset().into()]);
    Ok((total, tx.query(list, &values, visit)?))
}

fn by_gram(tx: &mut Tx<'_>, name: Name, gram: &str, page: Page) -> Result<(i64, Vec<Visit>)> {
    let list = sql!(
        "SELECT v.id, v.purpose, v.remark, v.come_from, v.group_ids, v.proposer, v.interviewee,
                v.interviewee_phone, v.department, v.starts_at, v.ends_at, v.created_at, v.authorised_at,
                v.refused_at, v.refusal, v.signed_in_at
         FROM (SELECT at, id FROM visit_gram WHERE field = $1 AND gram = $2
               ORDER BY at DESC, id DESC LIMIT $3 OFFSET $4) g JOIN visit v ON v.id = g.id
         ORDER BY g.at DESC, g.id DESC"
    );
    let total = grams::total(tx, name, gram)?;
    Ok((total, tx.query(list, params![name.field(), gram, page.size, page.offset()], visit)?))
}

fn every(tx: &mut Tx<'_>, page: Page) -> Result<(i64, Vec<Visit>)> {
    let list = sql!(
        "SELECT id, purpose, remark, come_from, group_ids, proposer, interviewee, interviewee_phone, department,
                starts_at, ends_at, created_at, authorised_at, refused_at, refusal, signed_in_at
         FROM visit ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2"
    );
    let total = grams::total(tx, Name::Visitor, grams::EVERY)?;
    Ok((total, tx.query(list, params![page.size, page.offset()], visit)?))
}
